"""Bar and line charts as SVG, without a library."""

import html
import math

COLOURS = {"ours": "#1b6ca8", "nginx": "#2e8b57", "haproxy": "#c0562b", "nginx-tuned": "#8fc7a5",
           "haproxy-tuned": "#e3a98d"}
SPARE = ["#1b6ca8", "#c0562b", "#2e8b57", "#8a5aa8", "#777777"]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 760, 340, 64, 46, 52, 16


def colour_of(name, number):
    return COLOURS.get(name, SPARE[number % len(SPARE)])


def text(x, y, words, anchor="middle", size=12, turn=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{turn}>'
            f"{html.escape(str(words))}</text>")


def nice_top(value):
    """The next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10 ** math.floor(math.log10(max(value, 1e-9)))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
                if step * power >= value)


def page(title, unit, top, series, drawn):
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             f'font-family="sans-serif" fill="#222"><rect width="{WIDTH}" height="{HEIGHT}" '
             'fill="#fff"/>', text(WIDTH / 2, 18, title, size=14)]
    x = LEFT
    for number, name in enumerate(series):
        parts.append(f'<rect x="{x}" y="27" width="10" height="10" '
                     f'fill="{colour_of(name, number)}"/>')
        parts.append(text(x + 14, 36, name, "start", 11))
        x += 30 + 7 * len(name)
    for step in range(5):
        y = HEIGHT - BOTTOM - step / 4 * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                     'stroke="#ddd"/>')
        parts.append(text(LEFT - 6, y + 4, f"{top * step / 4:g}", "end", 11))
    parts.append(text(14, HEIGHT / 2, unit, turn=f' transform="rotate(-90 14 {HEIGHT / 2})"'))
    return "\n".join(parts + drawn + ["</svg>\n"])


def height_of(value, top):
    return value / top * (HEIGHT - TOP - BOTTOM)


def bars(title, unit, groups, series):
    """@param series  name -> a value for each group, or None"""
    top = nice_top(max(v for values in series.values() for v in values if v is not None))
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    width = room * 0.8 / len(series)
    drawn = []
    for place, group in enumerate(groups):
        drawn.append(text(LEFT + room * (place + 0.5), HEIGHT - BOTTOM + 18, group))
        for number, (name, values) in enumerate(series.items()):
            if values[place] is None:
                continue
            tall = height_of(values[place], top)
            x = LEFT + room * (place + 0.1) + width * number
            drawn.append(f'<rect x="{x:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}" '
                         f'width="{width * 0.92:.1f}" height="{tall:.1f}" '
                         f'fill="{colour_of(name, number)}"/>')
            drawn.append(text(x + width / 2, HEIGHT - BOTTOM - tall - 3, f"{values[place]:.3g}",
                              size=9))
    return page(title, unit, top, series, drawn)


def lines(title, unit, xs, axis, series):
    """Over a logarithmic x axis. @param series  name -> a value for each x"""
    top = nice_top(max(v for values in series.values() for v in values))
    low, high = math.log10(xs[0]), math.log10(xs[-1])

    def x_of(x):
        return LEFT + 20 + (math.log10(x) - low) / (high - low) * (WIDTH - LEFT - RIGHT - 40)

    drawn = [text(x_of(x), HEIGHT - BOTTOM + 18, f"{x:,}") for x in xs]
    drawn.append(text(WIDTH / 2, HEIGHT - 12, axis))
    for number, (name, values) in enumerate(series.items()):
        points = [(x_of(x), HEIGHT - BOTTOM - height_of(v, top)) for x, v in zip(xs, values)]
        colour = colour_of(name, number)
        drawn.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                     + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return page(title, unit, top, series, drawn)
