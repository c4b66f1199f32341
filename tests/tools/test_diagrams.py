"""The committed diagrams are those that the tool draws, and can be read on any page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tools.diagrams.__main__ import main
from tools.diagrams.gallery import FOLDER, PICTURES
from tools.diagrams.svg import Box, Picture, width_of

SPACE = "{http://www.w3.org/2000/svg}"


def test_the_folder_has_what_the_tool_draws(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in FOLDER.glob("*.svg")}
    assert {name: committed[name] for name in drawn} == drawn


@pytest.mark.parametrize("name", PICTURES)
def test_a_diagram_has_a_white_background_and_a_description(name: str) -> None:
    root = ET.fromstring(PICTURES[name]().render())
    paper = next(root.iter(f"{SPACE}rect")).attrib
    assert paper == {"width": root.get("width"), "height": root.get("height"), "fill": "#ffffff"}
    assert root.findtext(f"{SPACE}title")
    assert root.findtext(f"{SPACE}desc")


@pytest.mark.parametrize("name", PICTURES)
def test_text_stays_within_the_picture(name: str) -> None:
    root = ET.fromstring(PICTURES[name]().render())
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for text in root.iter(f"{SPACE}text"):
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor", "")]
        start = float(text.get("x", 0)) - share * width_of(text.text or "")
        assert 0 <= start <= start + width_of(text.text or "") <= width
        assert 14 <= float(text.get("y", 0)) <= height - 4


@pytest.mark.parametrize(
    ("box", "lines", "message"),
    [
        (Box(0, 0, 40, 40), ["a long text"], "the box must be wider than 40"),
        (Box(0, 0, 90, 30), ["one", "two"], "the box must be higher than 30"),
    ],
)
def test_text_that_does_not_fit_is_an_error(box: Box, lines: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Picture(100, 100, "title", "text").box(box, *lines)
