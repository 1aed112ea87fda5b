"""How weights start, as data: names, arguments and the torch function that does it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Initialiser:
    """An initialiser with its arguments: `normal(0.01)`."""

    name: str
    args: tuple[float, ...] = ()

    def __str__(self) -> str:
        return self.name + (f"({', '.join(f'{arg:g}' for arg in self.args)})" if self.args else "")


@dataclass(frozen=True)
class InitialiserKind:
    """What an initialiser takes and which function of torch (or of the compiler) carries it out."""

    summary: str
    arguments: tuple[str, ...]
    target: str  # called as target(tensor, **options, **arguments)
    options: tuple[tuple[str, str], ...] = ()
    least_rank: int = 0  # fan-in is defined from two dimensions on
    short: str = ""  # what people call it for short, after its authors


INITIALISERS = MappingProxyType(
    {
        "kaiming_normal": InitialiserKind(
            "normal with standard deviation √(2 / fan_in) (He et al., 2015, arXiv:1502.01852, eq. 10)",
            (),
            "torch.nn.init.kaiming_normal_",
            (("nonlinearity", "relu"),),
            least_rank=2,
            short="he",
        ),
        "xavier_uniform": InitialiserKind(
            "uniform within ±√(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010, eq. 16)",
            (),
            "torch.nn.init.xavier_uniform_",
            least_rank=2,
            short="glorot",
        ),
        "normal": InitialiserKind("normal with mean 0 and this standard deviation", ("std",), "torch.nn.init.normal_"),
        "zeros": InitialiserKind("all 0", (), "torch.nn.init.zeros_"),
        "ones": InitialiserKind("all 1", (), "torch.nn.init.ones_"),
        "constant": InitialiserKind("all this value", ("val",), "torch.nn.init.constant_"),
        "signs": InitialiserKind("-1 or 1, each with probability ½", (), "compiler.fx.layers.signs_"),
    }
)
