"""Draws the trade-off of the protocols that were tried for the bundled benchmark, from the table of its datasheet.

    python3 scripts/draw_protocols.py

Writes data/pictures/protocols.svg: how strongly the FLOPs rank the cells, against how well one training tells them apart (the share of the
variance of single trainings that is of the cells).
"""

import html
import re
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM = 1040, 640, 110, 90
sheet = Path("data/nb101-5v-clutter/README.md").read_text()
table = sheet[sheet.index("| images of 14×14") :].split("\n\n")[0].splitlines()[2:]


def number(text):
    return float(re.match(r"[−-]?[\d.]+", text.strip())[0].replace("−", "-"))


points = []
for name, _, spreads, correlations in (row.strip("|").split("|") for row in table):
    _, spread, noise = map(number, spreads.split(","))
    points.append((number(correlations.split("/")[0]), spread**2 / (spread**2 + noise**2), name.strip(" *`")))


def x(value):
    return LEFT + (WIDTH - LEFT - 40) * value / 0.8


def y(value):
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 40) * (value - 0.5) / 0.5


lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 40 * len(points)}" font-family="sans-serif" font-size="24" fill="#1F2933">']
lines.append(f'<rect width="{WIDTH}" height="{HEIGHT + 40 * len(points)}" fill="#FFFFFF"/>')
for tick in range(0, 9, 2):
    lines.append(f'<text x="{x(tick / 10):.0f}" y="{HEIGHT - BOTTOM + 32}" text-anchor="middle">{tick / 10}</text>')
for tick in range(5, 11):
    lines.append(f'<path d="M{LEFT} {y(tick / 10):.0f}H{WIDTH - 40}" stroke="#E4E7EB"/>')
    lines.append(f'<text x="{LEFT - 14}" y="{y(tick / 10) + 8:.0f}" text-anchor="end">{tick / 10}</text>')
lines.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">Spearman’s correlation of the FLOPs at a fixed stem with the accuracy</text>')
lines.append(f'<text x="{LEFT}" y="28">share of the variance of one training that is of the cell</text>')
for place, (correlation, share, name) in enumerate(points, 1):
    colour = "#C4320A" if name == "fashion-clutter" else "#3E4C59"
    lines.append(f'<circle cx="{x(correlation):.0f}" cy="{y(share):.0f}" r="9" fill="{colour}"/>')
    lines.append(f'<text x="{x(correlation) + 14:.0f}" y="{y(share) - 8:.0f}" fill="{colour}">{place}</text>')
    lines.append(f'<text x="{LEFT}" y="{HEIGHT + 40 * place - 12}" fill="{colour}">{place}  {html.escape(name)}</text>')
Path("data/pictures/protocols.svg").write_text("\n".join([*lines, "</svg>"]) + "\n")
