"""Draws with gnuplot: panels under one another over the same time axis."""

import dataclasses
import subprocess

COLOURS = ["#1b6ca8", "#c0562b", "#2e8b57", "#8a5aa8", "#777777"]


@dataclasses.dataclass
class Line:
    title: str
    points: list           # [(seconds, value)], or (seconds, None) for a gap
    style: str = "lines"   # or steps, impulses, points
    colour: int = 0
    dashed: bool = False


@dataclasses.dataclass
class Panel:
    title: str
    unit: str
    lines: list
    logarithmic: bool = False
    top: float | None = None
    ticks: str = ""        # names in place of numbers


def data_block(name, points):
    rows = "\n".join(f"{x:.3f} {'NaN' if y is None else f'{y:.6g}'}" for x, y in points)
    return f"${name} << END\n{rows}\nEND\n"


def draw(target, title, panels, marks, seconds):
    """@param marks: [(seconds, text)], drawn as vertical lines through all panels"""
    script = [f'set terminal pngcairo noenhanced size 1200,{70 + 250 * len(panels)} font "DejaVu Sans,11"',
              f'set output "{target}"', "set grid lt 1 lc rgb '#dddddd'", "set border 3",
              "set tics nomirror out", f"set xrange [0:{seconds}]", "set datafile missing 'NaN'",
              "set key outside right top width -2 samplen 2", "set lmargin 14", "set rmargin 22"]
    for number, panel in enumerate(panels):
        for index, line in enumerate(panel.lines):
            script.append(data_block(f"d{number}_{index}", line.points))
    script.append(f'set multiplot layout {len(panels)},1 title "{title}" font ",14"')
    for number, panel in enumerate(panels):
        script += [f'set title "{panel.title}"', f'set ylabel "{panel.unit}"',
                   "set logscale y" if panel.logarithmic else "unset logscale y",
                   f"set yrange [{'*' if panel.logarithmic else 0}:{panel.top or '*'}]",
                   f"set ytics ({panel.ticks})" if panel.ticks else "set ytics autofreq",
                   "unset arrow", "unset label",
                   "set xlabel 'seconds'" if number == len(panels) - 1 else "unset xlabel"]
        for at, text in marks:
            script.append(f"set arrow from {at}, graph 0 to {at}, graph 1 nohead dt 3 lc rgb '#555555'")
            if number == 0:
                script.append(f'set label "{text}" at {at}, graph 0.94 offset 0.5,0 font ",10"')
        script.append("plot " + ", ".join(
            f"$d{number}_{index} using 1:2 with {line.style} lw 2 lc rgb '{COLOURS[line.colour]}'"
            + (" dt 2" if line.dashed else "")
            + (" pt 7 ps 0.6" if line.style == "points" else "")
            + f' title "{line.title}"' for index, line in enumerate(panel.lines)))
    script.append("unset multiplot")
    done = subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True,
                          capture_output=True, timeout=60, check=False)
    if done.returncode != 0 or done.stderr:
        raise RuntimeError(done.stderr)
