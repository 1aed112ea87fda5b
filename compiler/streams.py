"""Which steps of inference run beside others on a GPU, as plain data. No torch.

A device's kernels run one after another on the stream that the caller has set. Steps that do not depend on one another,
as those of two towers, may be on streams of their own: `OnStream` are steps on one, which begin when the streams that
they wait for have done all that they were given until then, and with `Await` the caller's stream waits. So whatever is
read was made before, the caller's stream comes last, and one call of a network waits for the one before.

Between two waists, steps that come before or after all others, streams are used where they are predicted to pay:
kernels that run at once begin at once, but share what the device can do. So it takes as long as the longest way through
the streams, a launch for each wait included, or as all work without launches, whichever is longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, TypeAlias

from compiler.program import Holder, Instruction, Invoke, Recompute, Ref, Routine, Transfer, used

MOST: Final = 4  # streams of a device, the caller's among them
PAYS: Final = 0.95  # of the time on one stream: what others may take to be used
CALLER: Final = 0  # the number of the caller's stream

GpuNames: TypeAlias = Mapping[str | None, str]  # of the logical devices that are GPUs; those of one GPU have one name


@dataclass(frozen=True, slots=True)
class LayerSeconds:
    """Predicted seconds of each layer, of which `launch` pass before its work begins."""

    whole: Mapping[str, float]
    launch: float


@dataclass(frozen=True, slots=True)
class OnStream:
    """Steps in a row on a stream of a GPU that is not the caller's, after all that other streams were given."""

    name: str
    gpu: str
    stream: int
    waits: tuple[int, ...]
    steps: tuple[Invoke, ...]
    enters: tuple[Ref, ...]
    leaves: tuple[Ref, ...]

    @property
    def holders(self) -> tuple[Holder, ...]:
        """The modules and tensors that it uses: modules first, each once."""
        return tuple(sorted(used(self.steps), key=lambda holder: holder.target.kind != "module"))


@dataclass(frozen=True, slots=True)
class Await:
    """The caller's stream of a GPU waits for others; tensors that they made are read on it from here on."""

    gpu: str
    streams: tuple[int, ...]
    tensors: tuple[Ref, ...]


StreamedInstruction: TypeAlias = Instruction | OnStream | Await


def on_streams(routine: Routine, gpus: GpuNames, seconds: LayerSeconds | None) -> tuple[StreamedInstruction, ...]:
    """The steps of a routine of inference, on streams where they pay; where no times are known, wherever they may be.

    They stay in their order, behind those that depend on no input; in inference nothing is recomputed. A copy between
    devices is on the callers' streams of both.
    """
    steps = _Steps(routine.steps, gpus)
    streams = [CALLER] * len(steps.all)
    for section in _sections(steps):
        for gpu in dict.fromkeys(steps.gpu[i] for i in section):
            own = [i for i in section if steps.gpu[i] == gpu]
            found = _assigned(steps, own) if gpu is not None else {}
            if max(found.values(), default=CALLER) > CALLER and _pays(steps, own, found, seconds):
                for i, stream in found.items():
                    streams[i] = stream
    return tuple(_Emission(steps, streams, [result.ref for result in routine.results]).instructions())


class _Steps:
    """Steps with what each depends on, by number. `gpu` is None where a step is on the caller's stream in any case."""

    def __init__(self, steps: Sequence[Instruction], gpus: GpuNames) -> None:
        self.all = _constants_first([step for step in steps if not isinstance(step, Recompute)])
        self.maker: dict[Ref, int] = {}  # feeds have none
        self.last_reader: dict[Ref, int] = {}
        self.reads: list[tuple[Ref, ...]] = []
        self.before: list[set[int]] = []
        self.above: list[int] = []  # all that each depends on, as bits
        self.gpu: list[str | None] = []
        self.place = gpus
        self.fed: list[bool] = []  # whether it depends on a feed
        for i, step in enumerate(self.all):
            reads = _read(step)
            own = {self.maker[ref] for ref in reads if ref in self.maker}
            self.reads.append(reads)
            self.before.append(own)
            self.above.append(reduce(or_, (self.above[u] | 1 << u for u in own), 0))
            self.fed.append(len(own) < len(set(reads)) or any(self.fed[u] for u in own))
            moved = isinstance(step, Transfer)
            self.gpu.append(None if moved or not reads else gpus.get(step.results[0].device))  # type: ignore[union-attr]
            self.maker.update(dict.fromkeys(_made(step), i))
            self.last_reader.update(dict.fromkeys(reads, i))


def _constants_first(steps: Sequence[Invoke | Transfer]) -> list[Invoke | Transfer]:
    """Steps that depend on no input before all others, so that nobody waits for them in between."""
    constant = set[Ref]()
    first, rest = list[Invoke | Transfer](), list[Invoke | Transfer]()
    for step in steps:
        (first if constant.issuperset(_read(step)) else rest).append(step)
        constant.update(_made(step) if first and first[-1] is step else ())
    return [*first, *rest]


def _read(step: Invoke | Transfer) -> tuple[Ref, ...]:
    return (step.source,) if isinstance(step, Transfer) else step.operands


def _made(step: Invoke | Transfer) -> tuple[Ref, ...]:
    return (step.result,) if isinstance(step, Transfer) else step.results


def _sections(steps: _Steps) -> Iterator[list[int]]:
    """The steps that depend on inputs, between waists, each waist with those before it."""
    fed = [i for i, own in enumerate(steps.fed) if own]
    below = [0] * len(steps.all)
    for i in reversed(fed):
        for u in steps.before[i]:
            below[u] |= below[i] | 1 << i
    counted = sum(1 << i for i in fed)
    section: list[int] = []
    for i in fed:
        section.append(i)
        if (steps.above[i] & counted).bit_count() + below[i].bit_count() == len(fed) - 1:
            yield section
            section = []
    if section:
        yield section


def _assigned(steps: _Steps, own: Sequence[int]) -> dict[int, int]:
    """A stream for each step: that of one which it goes on from, else of one that is done, else another."""
    tails: list[int] = []
    found: dict[int, int] = {}
    for i in own:
        above = steps.above[i]
        going_on = [s for s, tail in enumerate(tails) if tail in steps.before[i]]
        done = [s for s, tail in enumerate(tails) if above >> tail & 1]
        if going_on or done:
            found[i] = (going_on or done)[0]
        elif len(tails) < MOST:
            found[i] = len(tails)
            tails.append(i)
        else:
            found[i] = min(range(MOST), key=lambda s: tails[s])
        tails[found[i]] = i
    return found


def _pays(steps: _Steps, own: Sequence[int], streams: Mapping[int, int], seconds: LayerSeconds | None) -> bool:
    if seconds is None:
        return True
    ends: dict[int, float] = {}
    free = [0.0] * MOST
    alone = work = 0.0
    for i in own:
        step = steps.all[i]
        takes = seconds.whole.get(step.layer, 0.0) if isinstance(step, Invoke) else 0.0
        waited = {streams[u] for u in steps.before[i] if u in streams} - {streams[i]}
        start = max([free[streams[i]], *(ends[u] for u in steps.before[i] if u in ends)])
        ends[i] = free[streams[i]] = start + takes + len(waited) * seconds.launch
        alone, work = alone + takes, work + max(takes - seconds.launch, 0.0)
    return max(*free, work) < alone * PAYS


class _Emission:
    """Instructions while they are written, and what each stream is known to come after."""

    def __init__(self, steps: _Steps, streams: Sequence[int], results: Sequence[Ref]) -> None:
        self.steps, self.streams, self.results = steps, streams, results
        # What a stream of a GPU comes after: by stream, the last step, or -1 for what the caller did before.
        self.seen: dict[tuple[str, int], dict[int, int]] = {}
        self.given: dict[tuple[str, int], int] = {}  # the last step of each stream
        self.kept = set[Ref]()  # tensors of other streams whose memory is known to be read on the caller's
        self.open: tuple[str, int, tuple[int, ...], list[int]] | None = None  # steps in a row on one stream

    def instructions(self) -> Iterator[StreamedInstruction]:
        for i, step in enumerate(self.steps.all):
            home = self._home(i)
            if home is None:
                yield from self._closed()
                yield step
                continue
            gpu, stream = home
            waits = self._waits(i, gpu, stream)
            if stream == CALLER:
                yield from self._closed()
                refs = self._unkept(self.steps.reads[i], gpu)
                if waits or refs:
                    yield Await(gpu, waits, refs)
                yield step
            elif self.open is not None and self.open[:2] == (gpu, stream) and not waits:
                self.open[3].append(i)
            else:
                yield from self._closed()
                self.open = (gpu, stream, waits, [i])
            self.given[gpu, stream] = i
        yield from self._closed()
        for gpu in dict.fromkeys(gpu for gpu, _ in self.given):
            waits = self._last_waits(gpu)
            refs = self._unkept(self.results, gpu)
            if waits or refs:
                yield Await(gpu, waits, refs)

    def _home(self, i: int) -> tuple[str, int] | None:
        """The GPU and stream of a step. A copy is on the caller's stream, where it leaves from."""
        step = self.steps.all[i]
        if isinstance(step, Transfer):
            gpu = self.steps.place.get(step.source.device)
            return (gpu, CALLER) if gpu is not None else None
        gpu = self.steps.place.get(step.results[0].device)
        return (gpu, self.streams[i]) if gpu is not None else None

    def _origin(self, ref: Ref) -> tuple[str | None, int, int]:
        """Where and when a tensor is made: GPU, stream and step. A copy arrives on the caller's stream."""
        i = self.steps.maker.get(ref, -1)
        gpu = self.steps.place.get(ref.device)
        moved = i < 0 or isinstance(self.steps.all[i], Transfer)
        return gpu, CALLER if moved else self.streams[i], i

    def _waits(self, i: int, gpu: str, stream: int) -> tuple[int, ...]:
        seen = self.seen.setdefault((gpu, stream), {})
        needed = {CALLER} if stream != CALLER and CALLER not in seen else set[int]()
        for ref in self.steps.reads[i]:
            where, other, made = self._origin(ref)
            if where == gpu and other != stream and made > seen.get(other, -1):
                needed.add(other)
        for other in needed:
            for third, last in self.seen.get((gpu, other), {}).items():
                seen[third] = max(last, seen.get(third, -1))
        seen.update(dict.fromkeys(needed, i - 1))
        return tuple(sorted(needed))

    def _last_waits(self, gpu: str) -> tuple[int, ...]:
        seen = self.seen.get((gpu, CALLER), {})
        given = {stream: last for (own, stream), last in self.given.items() if own == gpu and stream != CALLER}
        return tuple(sorted(stream for stream, last in given.items() if last > seen.get(stream, -1)))

    def _unkept(self, refs: Sequence[Ref], gpu: str) -> tuple[Ref, ...]:
        """Of tensors that the caller's stream reads, those that others made, each once."""
        found = []
        for ref in dict.fromkeys(refs):
            where, stream, _ = self._origin(ref)
            if where == gpu and stream != CALLER and ref not in self.kept:
                self.kept.add(ref)
                found.append(ref)
        return tuple(found)

    def _closed(self) -> Iterator[OnStream]:
        """The steps in a row that end here."""
        if self.open is None:
            return
        gpu, stream, waits, numbers = self.open
        self.open = None
        members = [step for i in numbers if isinstance(step := self.steps.all[i], Invoke)]
        inside = {ref for step in members for ref in step.results}
        last = numbers[-1]
        yield OnStream(
            f"stream_{stream}",
            gpu,
            stream,
            waits,
            tuple(members),
            tuple(dict.fromkeys(ref for step in members for ref in step.operands if ref not in inside)),
            tuple(
                ref
                for step in members
                for ref in step.results
                if self.steps.last_reader.get(ref, -1) > last or ref in self.results
            ),
        )
