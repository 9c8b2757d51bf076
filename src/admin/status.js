"use strict";
// Draws what /status.json tells (docs/status.md) and asks again every two seconds, which is how often the server
// looks at its counters. All text goes in by textContent: names and reasons come from outside.
(() => {
  const PERIOD_MS = 2000;
  const PATIENCE_MS = 5000;
  const SPAN_SECONDS = 300;
  const SHOWN_TRANSITIONS = 10;  // until asked for more; the style sheet hides the rest
  const TOKEN = "reverse-proxy-token";

  const $ = (selector, root = document) => root.querySelector(selector);

  // Changes nothing where nothing changed, so that a selection outlives a poll.
  function say(element, text, className) {
    if (element.textContent !== text) element.textContent = text;
    if (className !== undefined && element.className !== className) element.className = className;
  }
  function make(name, className) {
    const element = document.createElement(name);
    if (className) element.className = className;
    return element;
  }

  // ---- figures ----

  const NONE = "–";
  const counts = new Intl.NumberFormat("en");
  const places = (digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits });
  const one = places(1);
  const two = places(2);
  const number = (value) => (value < 10 ? two : value < 100 ? one : places(0)).format(value);
  const percent = (ratio) => (ratio === null ? NONE : `${number(ratio * 100)} %`);
  function duration(seconds) {
    if (seconds === null) return NONE;
    return seconds < 1 ? `${number(seconds * 1000)} ms` : `${number(seconds)} s`;
  }
  function age(seconds) {
    const steps = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const at = Math.max(steps.findIndex(([, size]) => seconds >= size), 0);
    const [unit, size] = seconds < 1 ? steps[3] : steps[at];
    const rest = steps[at + 1];
    const more = rest && seconds >= 60 ? Math.floor((seconds % size) / rest[1]) : 0;
    return `${Math.floor(seconds / size)} ${unit}${more ? ` ${more} ${rest[0]}` : ""}`;
  }
  const CLOCK = { hourCycle: "h23" };  // as in the log, but local time
  const timeOfDay = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], CLOCK);
  function moment(seconds) {
    const date = new Date(seconds * 1000);
    const today = date.toDateString() === new Date().toDateString();
    return today ? timeOfDay(seconds) : date.toLocaleString([], CLOCK);
  }

  // ---- plots ----

  function svg(name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }
  // The least of 1, 2, 5, 10, 20, ... that is no less.
  function niceCeiling(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return power * [1, 2, 5, 10].find((step) => step * power >= value * 0.9999);
  }
  // Gaps where there is no value; a value between two gaps is a dot.
  function outline(points) {
    let path = "";
    let drawing = false;
    for (const [x, y] of points) {
      if (y === null) {
        drawing = false;
      } else {
        path += drawing ? `L${x} ${y}` : `M${x} ${y}h0`;
        drawing = true;
      }
    }
    return path;
  }

  // A card's plot: lines = [{values, colour, area, name}], least = the least top of the scale, at most `most`.
  // Under the pointer the card's detail shows the values there.
  class Plot {
    constructor(card, format) {
      this.svg = $("svg", card);
      this.detail = $(".detail", card);
      this.format = format;
      this.pointer = null;
      this.svg.addEventListener("pointermove", (event) => { this.pointer = event.offsetX; this.draw(); });
      this.svg.addEventListener("pointerleave", () => { this.pointer = null; this.draw(); });
    }
    show(plot) {
      this.plot = plot;
      this.svg.setAttribute("aria-label", plot.label);
      this.draw();
    }
    draw() {
      if (!this.plot) return;
      const { ago, lines, least, most = Infinity } = this.plot;
      const width = this.svg.clientWidth;
      const height = this.svg.clientHeight;
      const [top, bottom] = [16, height - 18];
      const highest = Math.max(0, ...lines.flatMap((line) => line.values));
      const scale = Math.min(niceCeiling(Math.max(highest * 1.05, least)), most);
      const x = (seconds) => Math.round((width - 2 - (seconds / SPAN_SECONDS) * (width - 2)) * 10) / 10;
      const y = (value) => Math.round((bottom - (value / scale) * (bottom - top)) * 10) / 10;

      const parts = [0, 0.5, 1].map((part) => {
        const at = Math.round(y(scale * part)) + 0.5;
        return svg("line", { class: "grid", x1: 0, x2: width, y1: at, y2: at });
      });
      for (const { values, colour, area } of lines) {
        const points = values.map((value, i) => [x(ago[i]), value === null ? null : y(value)]);
        if (area && points.length > 1) {
          const [first, last] = [points[0][0], points.at(-1)[0]];
          const edge = points.map(([px, py]) => `L${px} ${py ?? bottom}`).join("");
          parts.push(svg("path", { class: `area ${colour}`, d: `M${first} ${bottom}${edge}L${last} ${bottom}Z` }));
        }
        parts.push(svg("path", { class: `line ${colour}`, d: outline(points) }));
      }
      parts.push(svg("text", { x: 0, y: top - 5 }, this.format(scale)));
      for (let minutes = 5; minutes >= 0; minutes -= minutes > 1 && width < 440 ? 2 : 1) {
        const anchor = minutes === 5 ? "start" : minutes === 0 ? "end" : "middle";
        const label = minutes ? `−${minutes} min` : "now";
        parts.push(svg("text", { x: x(minutes * 60), y: height - 4, "text-anchor": anchor }, label));
      }
      const under = this.nearest(x);
      if (under !== null) {
        const at = x(ago[under]);
        parts.push(svg("line", { class: "cursor", x1: at, x2: at, y1: top, y2: bottom }));
      }
      this.svg.replaceChildren(...parts);
      this.describe(under);
    }
    nearest(x) {
      const { ago } = this.plot;
      if (this.pointer === null || ago.length === 0) return null;
      let best = 0;
      for (let i = 1; i < ago.length; i++) {
        if (Math.abs(x(ago[i]) - this.pointer) < Math.abs(x(ago[best]) - this.pointer)) best = i;
      }
      return best;
    }
    describe(under) {
      const { ago, lines, time, detail } = this.plot;
      if (under === null) {
        this.write(detail);
        return;
      }
      const value = (line) => (line.values[under] === null ? NONE : this.format(line.values[under]));
      this.write([[timeOfDay(time - ago[under])],
        ...lines.map((line) => [`${line.name} ${value(line)}`, line.colour])]);
    }
    // Pieces of text, [text, colour].
    write(pieces) {
      const text = pieces.map(([piece]) => piece).join("");
      if (this.detail.textContent === text) return;
      this.detail.replaceChildren(...pieces.map(([piece, colour]) => {
        const span = make("span", colour ? `key ${colour}` : "");
        span.textContent = piece;
        return span;
      }));
    }
  }

  const plots = {
    requests: new Plot($("#requests"), (value) => `${number(value)}/s`),
    errors: new Plot($("#errors"), percent),
    latency: new Plot($("#latency"), duration),
    inFlight: new Plot($("#in-flight"), (value) => counts.format(value)),
  };

  function drawCards(status) {
    const { last_minute: minute, history: { totals, series }, in_flight: inFlight, time } = status;
    const ago = series.seconds_ago;
    const ratios = (rates) => rates.map((rate, i) => {
      const all = series.requests_per_second[i];
      return all > 0 ? rate / all : null;
    });
    const errorRatio = minute.requests > 0 ? minute.server_errors / minute.requests : null;

    say($("#requests b"), number(minute.requests_per_second));
    plots.requests.show({ ago, time, least: 1,
      label: `Requests per second: ${number(minute.requests_per_second)} in the last minute`,
      detail: [[`${counts.format(totals.requests)} requests in ${age(totals.seconds)}`]],
      lines: [{ name: "all", values: series.requests_per_second, colour: "blue", area: true }] });

    say($("#errors b"), percent(errorRatio));
    plots.errors.show({ ago, time, least: 0.01, most: 1,
      label: `Share of errors: ${percent(errorRatio)} answered 5xx in the last minute`,
      detail: [[`${counts.format(totals.server_errors)} × 5xx`, "red"],
        [`${counts.format(totals.client_errors)} × 4xx`, "amber"], [`in ${age(totals.seconds)}`]],
      lines: [{ name: "4xx", values: ratios(series.client_errors_per_second), colour: "amber" },
        { name: "5xx", values: ratios(series.server_errors_per_second), colour: "red", area: true }] });

    say($("#latency b"), duration(minute.p50_seconds));
    plots.latency.show({ ago, time, least: 0.001,
      label: `Latency: median ${duration(minute.p50_seconds)}, 99 % within ${duration(minute.p99_seconds)}`,
      detail: [[`p50 ${duration(minute.p50_seconds)}`, "p50"], [`p90 ${duration(minute.p90_seconds)}`, "p90"],
        [`p99 ${duration(minute.p99_seconds)}`, "p99"]],
      lines: ["p99", "p90", "p50"].map((name) =>
        ({ name, values: series[`${name}_seconds`], colour: name })) });

    say($("#in-flight b"), counts.format(inFlight.now));
    say($("#in-flight .unit"), `of at most ${counts.format(inFlight.limit)}`);
    plots.inFlight.show({ ago, time, least: 4,
      label: `Requests in flight: ${inFlight.now} of at most ${inFlight.limit}`,
      detail: [[`${percent(inFlight.now / inFlight.limit)} of MAX_IN_FLIGHT`]],
      lines: [{ name: "in flight", values: series.in_flight, colour: "blue", area: true }] });
  }

  // ---- tables ----

  // As many rows as there are items; `fill` writes an item into the cells of its row.
  function fillRows(table, items, fill) {
    const body = $("tbody", table);
    const names = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
    while (body.rows.length > items.length) body.lastElementChild.remove();
    while (body.rows.length < items.length) {
      const row = body.insertRow();
      row.setAttribute("role", "row");
      names.forEach((name, i) => {
        const heads = table.id === "endpoints" && i === 0;
        const cell = row.appendChild(make(heads ? "th" : "td"));
        cell.setAttribute("role", heads ? "rowheader" : "cell");
        if (heads) cell.scope = "row";
        cell.dataset.name = name;
      });
    }
    items.forEach((item, i) => fill([...body.rows[i].cells], item));
  }
  function tag(cell, text, mood) {
    say(cell.firstElementChild ?? cell.appendChild(make("span")), text, `tag ${mood}`);
  }
  function share(cell, ratio) {
    if (!cell.firstElementChild) {
      const box = cell.appendChild(make("div", "share"));
      box.append(make("span"), make("div", "bar"));
      $(".bar", box).append(make("i"));
    }
    say($("span", cell), `${Math.round(ratio * 100)} %`);
    $("i", cell).style.width = `${ratio * 100}%`;
  }
  const MOODS = { healthy: "good", unhealthy: "bad", closed: "good", half_open: "warn", open: "bad" };
  const words = (state) => state.replace("_", "-");

  function drawEndpoints(endpoints) {
    $("#endpoints").hidden = endpoints.length === 0;
    $("#no-endpoints").hidden = endpoints.length > 0;
    fillRows($("#endpoints"), endpoints, (cells, it) => {
      say(cells[0], it.endpoint);
      const health = it.healthy ? "healthy" : "unhealthy";
      tag(cells[1], health, MOODS[health]);
      tag(cells[2], words(it.breaker), MOODS[it.breaker]);
      share(cells[3], it.share);
      [it.attempts, it.failed, it.stale, it.retries].forEach((count, i) =>
        say(cells[4 + i], counts.format(count), count ? "" : "zero"));
      say(cells[8], duration(it.mean_seconds));
      say(cells[9], duration(it.p99_seconds));
    });
  }

  let newest = null;  // time of the latest transition that was drawn
  function drawTransitions(transitions) {
    $("#transitions").hidden = transitions.length === 0;
    $("#no-transitions").hidden = transitions.length > 0;
    fillRows($("#transitions"), transitions, (cells, it) => {
      say(cells[0], moment(it.time));
      say(cells[1], it.endpoint);
      tag(cells[2], `${words(it.from)} → ${words(it.to)}`, MOODS[it.to]);
      say(cells[3], it.why);
    });
    const more = $("#more");
    more.hidden = transitions.length <= SHOWN_TRANSITIONS || $("#transitions").classList.contains("all");
    say(more, `Show all ${transitions.length}`);
    const latest = transitions[0];
    if (latest && newest !== null && latest.time > newest) {
      say($("#news"), `${latest.endpoint}: ${words(latest.from)} to ${words(latest.to)}, ${latest.why}`);
    }
    newest = latest ? latest.time : 0;
  }

  // ---- asking ----

  const STATES = {
    ready: ["Serving", "good"],
    draining: ["Draining", "warn"],
    no_upstream: ["No endpoint is eligible", "bad"],
  };

  function draw(status) {
    document.body.classList.remove("lost");
    $("main").hidden = false;
    say($("#version"), status.version);
    say($("#state"), ...STATES[status.state]);
    say($("#clock"), `up ${age(status.uptime_seconds)} · ${timeOfDay(status.time)}`);
    $("#fail-open").hidden = !status.fail_open;
    drawCards(status);
    drawEndpoints(status.endpoints);
    drawTransitions(status.transitions);
  }

  function askForToken(refused) {
    sessionStorage.removeItem(TOKEN);
    $("main").hidden = true;
    $("#login").hidden = false;
    say($("#state"), "Locked", "");
    say($("#refused"), refused ? "This token is not the right one." : "");
    $("#token").focus();
  }

  async function ask() {
    const token = sessionStorage.getItem(TOKEN);
    const response = await fetch("status.json", {
      headers: token ? { Authorization: `Bearer ${token}` } : {},
      cache: "no-store", credentials: "omit", redirect: "error",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.status === 401) return askForToken(token !== null);
    if (!response.ok) throw new Error(`status ${response.status}`);
    draw(await response.json());
    return wait();
  }

  let timer = null;
  function wait() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(poll, PERIOD_MS);
  }
  function poll() {
    clearTimeout(timer);
    ask().catch(() => {
      document.body.classList.add("lost");
      say($("#state"), "No answer, trying again", "bad");
      wait();
    });
  }
  const locked = () => !$("#login").hidden;

  $("#login").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN, $("#token").value.trim());
    $("#token").value = "";
    $("#login").hidden = true;
    poll();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !locked()) poll();
  });
  $("#more").addEventListener("click", (event) => {
    $("#transitions").classList.add("all");
    event.target.hidden = true;
  });
  addEventListener("resize", () => Object.values(plots).forEach((plot) => plot.draw()));

  if (document.documentElement.dataset.token === "wanted" && !sessionStorage.getItem(TOKEN)) askForToken(false);
  else poll();
})();
