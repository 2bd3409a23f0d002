// Plots: learning curves with intervals, and F1 by entity type.

// After Okabe and Ito (2008), to be seen on light and on dark; each has a marker of its own besides.
const colours = ["#2f7fc1", "#d55e00", "#12966e", "#b565a7", "#a67c00", "#5b9bb5", "#c04a5a"];
const markers = ["circle", "square", "triangle", "diamond", "cross", "down", "plus"];

function marker(kind, x, y, colour) {
  const shapes = {
    square: "M-4-4h8v8h-8z",
    triangle: "M0-5L5 4H-5z",
    diamond: "M0-5.5L5.5 0L0 5.5L-5.5 0z",
    cross: "M-4-5.5L0-1.5L4-5.5L5.5-4L1.5 0L5.5 4L4 5.5L0 1.5L-4 5.5L-5.5 4L-1.5 0L-5.5-4z",
    down: "M0 5L5-4H-5z",
    plus: "M-1.7-5.5h3.4v3.8h3.8v3.4h-3.8v3.8h-3.4v-3.8h-3.8v-3.4h3.8z",
  };
  if (kind === "circle") return drawn("circle", { cx: x, cy: y, r: 4.2, fill: colour });
  return drawn("path", { d: shapes[kind], transform: `translate(${x} ${y})`, fill: colour });
}

const seriesColumns = ["system", "setting", "source", "tagger", "organization"];

// Series are the same over all panels, so that a colour means one thing; those with the best F1 are drawn.
function seriesOf(rows) {
  const series = new Map();
  for (const row of rows) {
    const key = JSON.stringify(seriesColumns.map((name) => valueOf(name, row)));
    const one = series.get(key) ?? { key, rows: [], best: -1 };
    one.rows.push(row);
    one.best = Math.max(one.best, valueOf("f1", row));
    series.set(key, one);
  }
  const ordered = [...series.values()].sort((a, b) => b.best - a.best || (a.key < b.key ? -1 : 1));
  const drawnOnes = ordered.slice(0, colours.length);
  const names = seriesNames(drawnOnes);
  drawnOnes.forEach((one, number) => Object.assign(one, { colour: colours[number], marker: markers[number], name: names[number] }));
  return { series: drawnOnes, found: ordered.length };
}

// A series is called what its system is called, and what else it takes to tell it from the others.
function seriesNames(series) {
  const keys = series.map((one) => JSON.parse(one.key));
  let names = keys.map(([system]) => system);
  for (let part = 1; part < seriesColumns.length; part++) {
    const isAmbiguous = (name) => new Set(keys.filter((_, other) => names[other] === name).map((key) => key[part])).size > 1;
    names = names.map((name, number) => (isAmbiguous(name) ? `${name} · ${keys[number][part]}` : name));
  }
  return names;
}

function sentencesLearned(row) {
  return valueOf("size", row) ?? ((valueOf("synthetic_sentences", row) ?? 0) || valueOf("gold_sentences", row) || 0);
}

function panelsOf(rows) {
  const panels = new Map();
  for (const row of rows) {
    const scope = valueOf("scope", row);
    if (!panels.has(scope)) panels.set(scope, []);
    panels.get(scope).push(row);
  }
  const isOverall = (scope) => scope === facts.overall;
  return [...panels].sort(([a], [b]) => isOverall(b) - isOverall(a) || collator.compare(labelOf("scope", a), labelOf("scope", b)));
}

// Letters keep their size: a plot that stands alone has more room, one on a phone less.
const frame = { width: 440, height: 300, left: 38, right: 14, top: 12, bottom: 40 };
const isNarrow = matchMedia("(max-width: 46rem)");

function fitFrame(panels) {
  const [width, height] = isNarrow.matches ? [320, 260] : panels === 1 ? [680, 360] : [440, 300];
  Object.assign(frame, { width, height });
}

function axes(name, description) {
  const picture = drawn("svg", { viewBox: `0 0 ${frame.width} ${frame.height}`, role: "group", "aria-label": description });
  const y = (value) => frame.height - frame.bottom - value * (frame.height - frame.top - frame.bottom);
  for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    picture.append(
      drawn("line", { class: "grid", x1: frame.left, x2: frame.width - frame.right, y1: y(tick), y2: y(tick) }),
      drawn("text", { class: "tick", x: frame.left - 6, y: y(tick) + 4, "text-anchor": "end" }, tick.toFixed(1)),
    );
  }
  picture.append(drawn("text", { class: "tick", x: (frame.left + frame.width - frame.right) / 2, y: frame.height - 4, "text-anchor": "middle" }, name));
  return { picture, y };
}

function curvePanel(scope, rows, series) {
  const sizes = [...new Set(rows.map(sentencesLearned).filter((size) => size > 0))].sort((a, b) => a - b);
  const [first, last] = [Math.log10(sizes[0] ?? 1), Math.log10(sizes.at(-1) ?? 10)];
  const inner = frame.width - frame.left - frame.right - 24;
  const x = (size) => frame.left + 12 + (last > first ? ((Math.log10(size) - first) / (last - first)) * inner : inner / 2);
  const { picture, y } = axes("training sentences", `F1 by number of training sentences, ${labelOf("scope", scope)}`);
  let labelled = -Infinity;
  for (const size of sizes) {
    if (x(size) - labelled < 38) continue;
    labelled = x(size);
    picture.append(drawn("text", { class: "tick", x: x(size), y: frame.height - frame.bottom + 16, "text-anchor": "middle" }, size.toLocaleString("en")));
  }
  for (const one of series) {
    const all = one.rows.filter((row) => valueOf("scope", row) === scope);
    const flat = all.filter((row) => !sentencesLearned(row));
    const points = all.filter(sentencesLearned).sort((a, b) => sentencesLearned(a) - sentencesLearned(b));
    picture.append(...flat.map((row) => level(one, row, y)), ...curve(one, points, x, y));
  }
  return element("figure", {}, element("figcaption", {}, labelOf("scope", scope)), picture);
}

// What learned nothing has no size: it is a level to compare with.
function level(one, row, y) {
  const at = y(valueOf("f1", row));
  const line = drawn("line", { x1: frame.left, x2: frame.width - frame.right, y1: at, y2: at, stroke: one.colour, "stroke-dasharray": "6 3 1 3", "stroke-width": 1.6 });
  line.append(drawn("title", {}, tip(one, row)));
  return line;
}

function curve(one, points, x, y) {
  const parts = [];
  const place = (row, value) => `${x(sentencesLearned(row)).toFixed(1)},${y(value).toFixed(1)}`;
  const banded = points.filter((row) => valueOf("low", row) !== null && valueOf("high", row) !== null);
  if (banded.length > 1) {
    const outline = [...banded.map((row) => place(row, valueOf("high", row))), ...[...banded].reverse().map((row) => place(row, valueOf("low", row)))];
    parts.push(drawn("polygon", { points: outline.join(" "), fill: one.colour, opacity: 0.13 }));
  }
  for (const row of banded) {
    const at = x(sentencesLearned(row));
    parts.push(drawn("line", { x1: at, x2: at, y1: y(valueOf("low", row)), y2: y(valueOf("high", row)), stroke: one.colour, opacity: 0.6 }));
  }
  parts.push(drawn("polyline", { points: points.map((row) => place(row, valueOf("f1", row))).join(" "), fill: "none", stroke: one.colour, "stroke-width": 1.8 }));
  for (const row of points) {
    const mark = marker(one.marker, x(sentencesLearned(row)), y(valueOf("f1", row)), one.colour);
    mark.append(drawn("title", {}, tip(one, row)));
    parts.push(drawn("a", { href: `#/row/${valueOf("id", row)}`, "aria-label": tip(one, row) }, mark));
  }
  return parts;
}

function tip(one, row) {
  const interval = intervalText(row);
  const size = sentencesLearned(row);
  return `${one.name}${size ? `, ${size.toLocaleString("en")} sentences` : ""}: F1 ${forms.score(valueOf("f1", row))}${interval && ` (${interval})`}`;
}

function legend(series, hidden, changed) {
  const entries = series.map((one) => {
    const sample = drawn("svg", { width: 22, height: 12, "aria-hidden": "true" });
    sample.append(drawn("line", { x1: 0, x2: 22, y1: 6, y2: 6, stroke: one.colour, "stroke-width": 1.8 }), marker(one.marker, 11, 6, one.colour));
    const toggle = () => {
      if (!hidden.delete(one.key)) hidden.add(one.key);
      changed();
    };
    return element("button", { type: "button", class: "entry", "data-held": `series ${one.key}`, "aria-pressed": String(!hidden.has(one.key)), onclick: toggle }, sample, theirs(one.name));
  });
  return element("div", { class: "legend", role: "group", "aria-label": "Curves shown" }, ...entries);
}

// One dot a system for each type: types go down, F1 goes right.
function typePanel(scope, series) {
  const chosen = series.map((one) => ({ one, row: bestRow(one, scope) })).filter(({ row }) => row !== null);
  const golds = new Map();
  for (const { row } of chosen) for (const [type, , gold] of valueOf("per_type", row)) golds.set(type, golds.get(type) ?? gold);
  const types = [...golds.keys()].sort(collator.compare);
  if (!types.length) return null;
  const step = 7;
  const [left, line, width] = [110, Math.max(34, step * chosen.length + 12), frame.width];
  const height = types.length * line + 34;
  const x = (value) => left + value * (width - left - 16);
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `F1 by entity type, ${labelOf("scope", scope)}` });
  for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    picture.append(
      drawn("line", { class: "grid", x1: x(tick), x2: x(tick), y1: 4, y2: height - 28 }),
      drawn("text", { class: "tick", x: x(tick), y: height - 12, "text-anchor": "middle" }, tick.toFixed(1)),
    );
  }
  types.forEach((type, number) => {
    const middle = (number + 0.5) * line + 2;
    if (number) picture.append(drawn("line", { class: "grid faint", x1: left, x2: x(1), y1: number * line + 2, y2: number * line + 2 }));
    const name = type.length > 14 ? `${type.slice(0, 13)}…` : type;
    picture.append(drawn("text", { class: "type", x: left - 12, y: middle - 1, "text-anchor": "end" }, name));
    const gold = golds.get(type);
    if (gold !== null) picture.append(drawn("text", { class: "tick", x: left - 12, y: middle + 12, "text-anchor": "end" }, `${gold.toLocaleString("en")} in gold`));
    for (const [place, { one, row }] of chosen.entries()) {
      const found = valueOf("per_type", row).find(([other]) => other === type);
      if (!found) continue;
      const mark = marker(one.marker, x(found[1]), middle + step * (place - (chosen.length - 1) / 2), one.colour);
      mark.append(drawn("title", {}, `${one.name}, ${type}: F1 ${forms.score(found[1])}`));
      picture.append(mark);
    }
  });
  return element("figure", {}, element("figcaption", {}, labelOf("scope", scope)), picture);
}

function bestRow(one, scope) {
  const rows = one.rows.filter((row) => valueOf("scope", row) === scope);
  return rows.length ? rows.reduce((best, row) => (valueOf("f1", row) > valueOf("f1", best) ? row : best)) : null;
}
