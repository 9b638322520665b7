"""What must hold of any page, looked at within a browser."""

from tests.support.chromium import Tab

# WCAG 2.2, success criterion 1.4.3, for text of the usual size; relative luminance as defined there.
_TOO_FAINT = """(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = channels(getComputedStyle(element).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    throw new Error("a page without a background");
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && hasText(element))
    .map((element) => {
      const colours = [channels(getComputedStyle(element).color), ground(element)];
      const [light, dark] = colours.map(luminance).sort((a, b) => b - a);
      return [element.textContent.trim().slice(0, 40), (light + 0.05) / (dark + 0.05)];
    })
    .filter(([, ratio]) => !(ratio >= 4.5));
})()"""

_OVERFLOWING = """(() => {
  const room = document.documentElement.clientWidth;
  const isOver = (element) => !element.closest(".unseen, .skip") && element.getBoundingClientRect().right > room;
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.checkVisibility() && isOver(element))
    .map((element) => element.outerHTML.slice(0, 80))
    .concat(document.documentElement.scrollWidth > room ? ["the page"] : []);
})()"""


def faint_texts(tab: Tab) -> list[tuple[str, float]]:
    """The texts that differ too little from what is behind them, each with its contrast."""
    found: list[tuple[str, float]] = tab.evaluate(_TOO_FAINT)
    return found


def overflowing(tab: Tab) -> list[str]:
    """What is cut off at the right, or makes the page scroll sideways."""
    found: list[str] = tab.evaluate(_OVERFLOWING)
    return found


def nameless_controls(tab: Tab) -> list[str]:
    """What can have the focus, and tells assistive technology nothing of itself."""
    return [control for control in tab.controls() if not control.partition(" ")[2].strip()]
