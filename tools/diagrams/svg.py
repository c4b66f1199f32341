"""A picture of boxes, lines and text.

The background is white, so that a picture can be read on a dark page too. No font is embedded: the
viewer's sans-serif is used. Widths of text are those of DejaVu Sans, a wide font. A box that is too
narrow for its text is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

__all__ = ["BLUE", "GREEN", "GREY", "INK", "PAPER", "RED", "Box", "Picture", "width_of"]

INK, PAPER = "#1f2328", "#ffffff"
BLUE, GREEN, GREY, RED = "#dbeafe", "#dcfce7", "#f1f3f5", "#fee2e2"
SIZE = 14
LINE = 19
_WIDE, _MEAN, _NARROW = 0.95, 0.62, 0.38


def width_of(text: str, size: float = SIZE) -> float:
    """Returns the most pixels that a line of text takes."""
    return size * sum(_share(character) for character in text)


def _share(character: str) -> float:
    if character in "mwMW@%→÷":
        return _WIDE
    return _NARROW if character in "iljtfrI.,:;'|!()[] " else _MEAN


@dataclass(frozen=True)
class Box:
    """A rectangle with lines of text."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> tuple[float, float]:
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> tuple[float, float]:
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height


@dataclass
class Picture:
    """An SVG file in the making."""

    width: int
    height: int
    title: str
    text: str
    parts: list[str] = field(default_factory=list)

    def box(self, box: Box, *lines: str, fill: str = PAPER, bold: bool = True) -> Box:
        """Draws a box. Its first line is bold; all lines are in its middle."""
        self._check(box, lines)
        self.parts.append(
            f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
            f' rx="6" fill="{fill}" stroke="{INK}"/>'
        )
        middle = box.x + box.width / 2
        first = box.y + box.height / 2 - LINE * (len(lines) - 1) / 2 + 5
        for at, line in enumerate(lines):
            self.write(middle, first + LINE * at, line, anchor="middle", bold=bold and at == 0)
        return box

    def _check(self, box: Box, lines: tuple[str, ...]) -> None:
        for at, line in enumerate(lines):
            if width_of(line) * (1.08 if at == 0 else 1) > box.width - 8:
                raise ValueError(f"the box must be wider than {box.width:g}, got {line!r}")
        if LINE * len(lines) > box.height - 4:
            raise ValueError(f"the box must be higher than {box.height:g}, got {lines[0]!r}")

    def band(self, box: Box, label: str, fill: str = GREY, indent: int = 12) -> None:
        """Draws an area behind boxes, with its name at the top."""
        self.parts.append(
            f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
            f' rx="8" fill="{fill}"/>'
        )
        self.write(box.x + indent, box.y + 22, label, bold=True)

    def write(
        self, x: float, y: float, line: str, anchor: str = "start", bold: bool = False
    ) -> None:
        """Writes one line of text."""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}>{escape(line)}</text>'
        )

    def label(self, x: float, y: float, line: str) -> None:
        """Writes one line around a point, on paper that hides what is below it."""
        width = width_of(line)
        self.parts.append(
            f'<rect x="{x - width / 2:g}" y="{y - 13:g}" width="{width:g}" height="17"'
            f' fill="{PAPER}"/>'
        )
        self.write(x, y, line, anchor="middle")

    def arrow(self, *points: tuple[float, float], dashed: bool = False) -> None:
        """Draws a line through the points that ends in an arrow."""
        self.line(*points, dashed=dashed, end=' marker-end="url(#head)"')

    def line(self, *points: tuple[float, float], dashed: bool = False, end: str = "") -> None:
        """Draws a line through the points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-width="1.3"{dash}{end}/>'
        )

    def render(self) -> str:
        """Returns the file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}"'
            f' viewBox="0 0 {self.width} {self.height}" role="img"'
            f' font-family="sans-serif" font-size="{SIZE}" fill="{INK}">'
        )
        marker = (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"'
            f' markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{INK}"/></marker>'
            "</defs>"
        )
        about = [f"<title>{escape(self.title)}</title>", f"<desc>{escape(self.text)}</desc>"]
        paper = f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>'
        return "\n".join([head, *about, marker, paper, *self.parts, "</svg>", ""])
