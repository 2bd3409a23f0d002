// Elements are built, never parsed: a text of a submission can only ever be text.

function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const longestText = 80;

// A text of a submission: it keeps its own direction, and a long one is cut where there is little room.
function theirs(text, { whole = false } = {}) {
  const shown = whole || text.length <= longestText ? text : `${text.slice(0, longestText - 1)}…`;
  return element("bdi", shown === text ? {} : { title: text.slice(0, 400) }, shown);
}

function safeAddress(address) {
  return new RegExp(facts.patterns.address).test(address ?? "") ? address : null;
}

function outward(address, text) {
  return address ? element("a", { href: address, rel: "noopener nofollow", target: "_blank" }, theirs(text, { whole: true })) : theirs(text, { whole: true });
}

const matches = (pattern, text) => new RegExp(facts.patterns[pattern]).test(text ?? "");

function modelAddress(id, revision) {
  if (!matches("hubId", id)) return null;
  return `${facts.hub}/${id}${matches("commit", revision) ? `/tree/${revision}` : ""}`;
}

function datasetAddress(id, revision) {
  return matches("hubId", id) && matches("commit", revision) ? `${facts.hub}/datasets/${id}/tree/${revision}` : null;
}

function resultAddress(path) {
  return facts.repository && matches("path", path) ? `${facts.hub}/datasets/${facts.repository}/blob/main/${path}` : null;
}

const dash = "–";

const forms = {
  text: (value) => value || dash,
  date: (value) => value || dash,
  count: (value) => (value === null ? dash : value.toLocaleString("en")),
  score: (value) => (value === null ? dash : value.toFixed(3)),
  ratio: (value) => (value === null ? dash : Number(value.toPrecision(3)).toString()),
};

function rankText(row) {
  const first = valueOf("rank_first", row);
  const last = valueOf("rank_last", row);
  if (first === null) return dash;
  return first === last || last === null ? String(first) : `${first}–${last}`;
}

function sizeText(size) {
  return size === null ? facts.whole : size.toLocaleString("en");
}

function costText(row) {
  const cost = valueOf("cost", row);
  if (cost === null) return dash;
  const digits = cost === 0 || cost >= 1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(cost)));
  return `${cost.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: digits })} ${valueOf("currency", row) ?? ""}`.trim();
}

function intervalText(row) {
  const low = valueOf("low", row);
  const high = valueOf("high", row);
  return low === null || high === null ? "" : `${low.toFixed(3)}–${high.toFixed(3)}`;
}

// A figure on a bar: its interval is a band, the figure itself a mark.
function bar(value, low, high, [first, last] = [0, 1]) {
  const at = (figure) => (100 * (figure - first)) / (last - first);
  const track = element("span", { class: "bar", "aria-hidden": "true" });
  if (low !== null && high !== null) {
    const band = element("span", { class: "band" });
    band.style.left = `${at(low)}%`;
    band.style.width = `${at(high) - at(low)}%`;
    track.append(band);
  }
  const point = element("span", { class: "point" });
  point.style.left = `${at(value)}%`;
  track.append(point);
  return track;
}

function badge(text) {
  return element("span", { class: `badge ${text.replace(/[^a-z-]/g, "")}` }, text);
}
