"""What a reader of the page sees and does, in a browser."""

from __future__ import annotations

import json

from tests.viz.chromium import Chromium

STATUS = "document.getElementById('status').innerText"
CONTRASTS = """[...document.querySelectorAll('.box')].map(box => {
    const channels = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
    const light = colour => channels(colour).map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
    const [a, b] = ['.shape', 'text'].map(part => light(getComputedStyle(box.querySelector(part)).fill)).sort()
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
})"""


def paths(browser: Chromium, kind: str = "box") -> list[str]:
    """What is drawn, by the first words that a screen reader says of it."""
    labels = browser.evaluate(f"[...document.querySelectorAll('.{kind}')].map(e => e.getAttribute('aria-label'))")
    return [label.split(", ")[0] for label in labels]


def selected(browser: Chromium) -> str | None:
    """The path of the selected item, by the address of the page."""
    fragment: str = browser.evaluate("location.hash")
    return fragment.removeprefix("#").partition(";")[0] or None


def panel(browser: Chromium) -> str:
    text: str = browser.evaluate("document.getElementById('panel').innerText")
    return text


def choose(browser: Chromium, field: str, value: str) -> None:
    browser.evaluate(
        f"(f => {{ f.value = {json.dumps(value)}; f.dispatchEvent(new Event('change')) }})"
        f"(document.getElementById('{field}'))"
    )


def save(browser: Chromium) -> str:
    """The text of the file that the page saves."""
    browser.evaluate(
        "HTMLAnchorElement.prototype.click = function () { window.name_ = this.download };"
        "URL.createObjectURL = blob => { blob.text().then(text => { window.text_ = text }); return 'blob:none' }"
    )
    browser.until(lambda: browser.press("s"), "window.text_ !== undefined")
    text: str = browser.evaluate("window.text_")
    return text
