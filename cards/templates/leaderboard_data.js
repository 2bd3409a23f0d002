// The rows: read from the page when they are first needed, then filtered and sorted by whole numbers.

const parsed = new Map();

// A column is `{values}`, or `{values, codes}` where few values are repeated often.
function embedded(id) {
  if (!parsed.has(id)) parsed.set(id, JSON.parse(document.getElementById(id).textContent));
  return parsed.get(id);
}

const facts = embedded("facts");
const table = embedded("rows");
const rowCount = facts.rows;

function columnOf(name) {
  return table[name] ?? embedded("details")[name];
}

function valueOf(name, row) {
  const column = columnOf(name);
  return column.codes ? column.values[column.codes[row]] : column.values[row];
}

const idToRow = new Map();
function rowOf(id) {
  if (!idToRow.size) for (let row = 0; row < rowCount; row++) idToRow.set(valueOf("id", row), row);
  return idToRow.get(id);
}

// A size is a number, or null where everything was learned; addresses say `all` for it.
const asChoice = (value) => (value === null ? facts.whole : String(value));

const codedColumns = new Map();
function coded(name) {
  if (!codedColumns.has(name)) {
    const codes = new Int32Array(rowCount);
    const known = new Map();
    for (let row = 0; row < rowCount; row++) {
      const value = asChoice(valueOf(name, row));
      if (!known.has(value)) known.set(value, known.size);
      codes[row] = known.get(value);
    }
    codedColumns.set(name, { codes, known });
  }
  return codedColumns.get(name);
}

const collator = new Intl.Collator("en", { numeric: true });

function choicesOf(name) {
  const choices = [...coded(name).known.keys()].filter((choice) => choice !== "");
  return choices.sort((a, b) => collator.compare(labelOf(name, a), labelOf(name, b)));
}

function labelOf(name, value) {
  if (name === "scope") return facts.languages[value] ?? value;
  if (name === "size" && /^\d+$/.test(value)) return Number(value).toLocaleString("en");
  return value;
}

let searchTexts = null;
function searched(row) {
  if (!searchTexts) searchTexts = new Array(rowCount);
  if (searchTexts[row] === undefined) {
    const words = facts.searched.map((name) => valueOf(name, row) ?? "");
    words.push(labelOf("scope", valueOf("scope", row)));
    searchTexts[row] = words.join("\n").toLowerCase();
  }
  return searchTexts[row];
}

function filteredRows(chosen, query) {
  const wanted = facts.filters
    .filter(({ name }) => chosen[name])
    .map(({ name }) => ({ codes: coded(name).codes, code: coded(name).known.get(chosen[name]) ?? -1 }));
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [];
  for (let row = 0; row < rowCount; row++) {
    if (wanted.every(({ codes, code }) => codes[row] === code) && words.every((word) => searched(row).includes(word))) {
      rows.push(row);
    }
  }
  return rows;
}

// What to compare rows by: numbers as they are, texts by their place in the alphabet. Empty is NaN.
const sortKeys = new Map();
function keysOf(name) {
  if (!sortKeys.has(name)) {
    const isText = ["text", "date"].includes(facts.columns.find((column) => column.name === name)?.form);
    const keys = new Float64Array(rowCount);
    if (isText) {
      const { codes, known } = coded(name);
      const texts = [...known.keys()];
      const order = texts.map((_, index) => index);
      order.sort((a, b) => collator.compare(labelOf(name, texts[a]), labelOf(name, texts[b])));
      const places = new Int32Array(texts.length);
      order.forEach((index, place) => (places[index] = place));
      for (let row = 0; row < rowCount; row++) keys[row] = texts[codes[row]] ? places[codes[row]] : NaN;
    } else {
      const whole = name === "size" ? Infinity : NaN;
      for (let row = 0; row < rowCount; row++) keys[row] = valueOf(name, row) ?? whole;
    }
    sortKeys.set(name, keys);
  }
  return sortKeys.get(name);
}

// Sorts by a column and then by F1; what is empty comes last in both directions.
function sortedRows(rows, name, descending) {
  const keys = keysOf(name);
  const f1 = keysOf("f1");
  const sign = descending ? -1 : 1;
  return rows.sort((a, b) => {
    const emptyA = Number.isNaN(keys[a]);
    const emptyB = Number.isNaN(keys[b]);
    if (emptyA || emptyB) return emptyA - emptyB || f1[b] - f1[a] || a - b;
    return (keys[a] === keys[b] ? 0 : sign * (keys[a] < keys[b] ? -1 : 1)) || f1[b] - f1[a] || a - b;
  });
}
