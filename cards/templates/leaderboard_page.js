// What is on the screen follows from the address: `#/curves?scope=yor` is a view and its choices.

const views = {
  leaderboard: ["Leaderboard", showLeaderboard],
  curves: ["Learning curves", showCurves],
  types: ["Per type", showTypes],
  submit: ["Submit", showSubmit],
  about: ["About", showAbout],
};
const pageLength = 50;
const byF1 = "-f1";
const mostPanels = 12;
const hiddenSeries = new Set();
let lastList = "#/";
const main = document.getElementById("view");
const controls = document.getElementById("controls");

function readAddress() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, id] = path.split("/");
  return { view: view === "row" || Object.hasOwn(views, view) ? view : "leaderboard", id, choices: new URLSearchParams(query) };
}

function addressOf(view, choices) {
  const query = choices.toString();
  return `#/${view === "leaderboard" ? "" : view}${query && `?${query}`}`;
}

// Every choice is a step that the back button takes back, except for single letters of a search.
function choose(changes, { replace = false } = {}) {
  const { view, choices } = readAddress();
  for (const [name, value] of Object.entries({ page: "", ...changes })) {
    if (value) choices.set(name, value);
    else choices.delete(name);
  }
  history[replace ? "replaceState" : "pushState"](null, "", addressOf(view, choices));
  show();
}

// Where nothing is chosen, the languages together are shown, but for types, which are not the same in all of them.
// `any` is the choice of everything.
function chosenScope(choices) {
  const fallback = readAddress().view === "types" ? "" : facts.defaultScope;
  const scope = choices.get("scope") ?? fallback;
  return scope === "any" ? "" : scope;
}

function chosenRows(choices) {
  const chosen = Object.fromEntries(facts.filters.map(({ name }) => [name, choices.get(name) ?? ""]));
  return filteredRows({ ...chosen, scope: chosenScope(choices) }, choices.get("q") ?? "");
}

function shownColumns(choices) {
  const names = choices.has("columns") ? choices.get("columns").split(",") : null;
  return facts.columns.filter((column) => (names ? names.includes(column.name) : column.shown) || column.name === "system");
}

function show() {
  const { view, id, choices } = readAddress();
  for (const link of document.querySelectorAll("#views a")) {
    const name = link.dataset.view;
    const shared = new URLSearchParams(choices);
    for (const own of ["page", "sort", "columns"]) if (name !== "leaderboard") shared.delete(own);
    link.setAttribute("href", addressOf(name, shared));
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const list = document.getElementById("views");
  const current = list.querySelector("[aria-current]");
  // On a phone there is no room for all of them.
  if (current) list.scrollLeft = current.offsetLeft - list.offsetLeft - (list.clientWidth - current.offsetWidth) / 2;
  controls.hidden = !["leaderboard", "curves", "types"].includes(view);
  if (!controls.hidden) fillControls(choices, view);
  if (view === "row") showRow(id);
  else views[view][1](choices);
  if (view === "leaderboard") lastList = addressOf(view, choices);
}

function buildControls() {
  const search = element("input", { id: "search", type: "search", placeholder: "Search systems, organizations, sources; words are all wanted", autocomplete: "off", spellcheck: "false" });
  search.addEventListener("input", () => choose({ q: search.value }, { replace: true }));
  const selects = facts.filters.map(({ name, label, everything }) => {
    const select = element("select", { id: `filter-${name}` });
    const nothing = name === "scope" ? "any" : "";
    select.append(element("option", { value: nothing }, everything));
    for (const choice of choicesOf(name)) {
      const text = labelOf(name, choice);
      select.append(element("option", { value: choice }, text.length > longestText ? `${text.slice(0, longestText - 1)}…` : text));
    }
    select.addEventListener("change", () => choose({ [name]: select.value }));
    return element("label", {}, element("span", {}, label), select);
  });
  const sort = element("select", { id: "sort" });
  for (const { name, label, form } of facts.columns) {
    const up = { value: name };
    const down = { value: `-${name}` };
    if (form === "text" || form === "rank") sort.append(element("option", up, label), element("option", down, `${label}, reversed`));
    else sort.append(element("option", down, `${label}, highest first`), element("option", up, `${label}, lowest first`));
  }
  sort.addEventListener("change", () => choose({ sort: sort.value }));
  const reset = element("button", { type: "button", id: "reset", onclick: () => choose(Object.fromEntries(["q", ...facts.filters.map(({ name }) => name)].map((name) => [name, ""]))) }, "Reset");
  const roomy = matchMedia("(min-width: 46rem)");
  roomy.addEventListener("change", () => (controls.querySelector(".folded").open = roomy.matches));
  controls.append(
    element("div", { class: "search" }, element("label", {}, element("span", {}, "Search"), search), reset),
    element("details", { class: "folded", open: roomy.matches },
      element("summary", {}, "Filters"),
      element("div", { class: "filters" }, ...selects, element("label", { class: "sort" }, element("span", {}, "Sort by"), sort)),
    ),
    columnChooser(),
  );
}

function columnChooser() {
  const boxes = facts.columns
    .filter(({ name }) => name !== "system")
    .map(({ name, label, meaning }) => {
      const box = element("input", { type: "checkbox", value: name });
      return element("label", { title: meaning }, box, label);
    });
  const group = element("fieldset", {}, element("legend", { class: "unseen" }, "Columns"), ...boxes);
  group.addEventListener("change", () => choose({ columns: ["system", ...[...group.querySelectorAll(":checked")].map((box) => box.value)].join(",") }));
  return element("details", { id: "columns" }, element("summary", {}, "Columns"), group);
}

function fillControls(choices, view) {
  const search = document.getElementById("search");
  if (search.value !== (choices.get("q") ?? "")) search.value = choices.get("q") ?? "";
  for (const { name } of facts.filters) {
    document.getElementById(`filter-${name}`).value = name === "scope" ? chosenScope(choices) || "any" : (choices.get(name) ?? "");
  }
  document.getElementById("sort").value = choices.get("sort") ?? byF1;
  const shown = shownColumns(choices).map(({ name }) => name);
  for (const box of document.querySelectorAll("#columns input")) box.checked = shown.includes(box.value);
  for (const part of [document.getElementById("columns"), document.querySelector("label.sort")]) part.hidden = view !== "leaderboard";
}

// What is shown is built anew at every step: whoever uses a keyboard stays at the control that they have just used.
function fill(...parts) {
  const held = document.activeElement?.dataset?.held;
  main.replaceChildren(...parts);
  if (!held) return;
  const usable = [...main.querySelectorAll("[data-held]:not(:disabled)")];
  const [kind] = held.split(" ");
  (usable.find((each) => each.dataset.held === held) ?? usable.find((each) => each.dataset.held.startsWith(`${kind} `)))?.focus();
}

function showLeaderboard(choices) {
  const sort = choices.get("sort") ?? byF1;
  const by = facts.columns.find(({ name }) => name === sort.replace(/^-/, "")) ?? facts.columns[0];
  const descending = sort.startsWith("-");
  const sorted = sortedRows(chosenRows(choices), by.name, descending);
  // Until somebody asks for another order, what has no rank stands after all others, whatever it claims.
  const rows = choices.has("sort") ? sorted : [true, false].flatMap((ranked) => sorted.filter((row) => (valueOf("rank_first", row) !== null) === ranked));
  const pages = Math.max(1, Math.ceil(rows.length / pageLength));
  const page = Math.min(pages, Math.max(1, Number(choices.get("page")) || 1));
  const shown = rows.slice((page - 1) * pageLength, page * pageLength);
  const columns = shownColumns(choices).filter(({ name }) => name !== "scope" || !chosenScope(choices));
  const range = rangeOf(shown);
  const scale = columns.some(({ name }) => name === "f1") && rows.length ? `; the bars of F1 run from ${range[0].toFixed(1)} to ${range[1].toFixed(1)}` : "";
  fill(
    element("p", { class: "found", role: "status" }, `${rows.length.toLocaleString("en")} of ${rowCount.toLocaleString("en")} results${scale}`),
    rows.length ? tableOf(shown, columns, by, descending, range) : element("p", { class: "nothing" }, "Nothing is like that. Take a filter away."),
    pager(page, pages),
  );
}

// The tenths between which all intervals on the screen lie.
function rangeOf(rows) {
  const ends = rows.flatMap((row) => ["low", "f1", "high"].map((name) => valueOf(name, row)).filter((end) => end !== null));
  const first = Math.floor(10 * Math.min(...ends, 1) + 1e-9);
  const last = Math.ceil(10 * Math.max(...ends, 0) - 1e-9);
  return last > first ? [first / 10, last / 10] : [0, 1];
}

function tableOf(rows, columns, by, descending, range) {
  const heads = columns.map((column) => {
    const sorted = column.name === by.name;
    const startsDown = !["text", "rank"].includes(column.form);
    const next = sorted ? !descending : startsDown;
    const button = element(
      "button",
      { type: "button", "data-held": `sort ${column.name}`, title: column.meaning, onclick: () => choose({ sort: `${next ? "-" : ""}${column.name}` }) },
      column.label,
      element("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (descending ? "▼" : "▲") : "▽"),
    );
    const order = sorted ? (descending ? "descending" : "ascending") : "none";
    return element("th", { scope: "col", role: "columnheader", class: `${column.form} of-${column.name}`, "aria-sort": order }, button);
  });
  const lines = rows.map((row) => element("tr", { role: "row" }, ...columns.map((column) => cellOf(row, column, range))));
  const parts = [element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)), element("tbody", { role: "rowgroup" }, ...lines)];
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Results" }, element("table", { role: "table", class: "results" }, ...parts));
}

function cellOf(row, column, range) {
  const cell = element("td", { role: "cell", class: `${column.form} of-${column.name}`, "data-label": column.label });
  cell.append(...contentOf(row, column, range));
  return cell;
}

function contentOf(row, { name, form }, range = [0, 1]) {
  if (name === "rank_first") return [rankText(row)];
  if (name === "system") return systemCell(row);
  if (name === "scope") return [theirs(labelOf("scope", valueOf("scope", row)))];
  if (name === "size") return [sizeText(valueOf("size", row))];
  if (name === "cost") return [costText(row)];
  if (name === "f1") {
    const figure = valueOf("f1", row);
    const numbers = element("span", { class: "numbers" }, element("b", {}, forms.score(figure)), " ", element("small", {}, intervalText(row)));
    return [numbers, bar(figure, valueOf("low", row), valueOf("high", row), range)];
  }
  const text = forms[form](valueOf(name, row));
  return [form === "text" ? theirs(text) : text];
}

function systemCell(row) {
  const link = element("a", { href: `#/row/${valueOf("id", row)}` }, theirs(valueOf("system", row)));
  const status = valueOf("status", row);
  return [
    link,
    element("small", { class: "who" }, theirs(valueOf("organization", row)), " ", badge(valueOf("kind", row)), status === "verified" ? null : badge(status)),
  ].filter(Boolean);
}

function pager(page, pages) {
  if (pages === 1) return "";
  const step = (to, label) => element("button", { type: "button", "data-held": `page ${label}`, disabled: to < 1 || to > pages, onclick: () => choose({ page: to > 1 ? String(to) : "" }) }, label);
  return element("nav", { class: "pager", "aria-label": "Pages" }, step(page - 1, "Previous"), element("span", {}, `Page ${page} of ${pages}`), step(page + 1, "Next"));
}

function showCurves(choices) {
  showPlots(choices, (scope, rows, series) => curvePanel(scope, rows, series), "curves", "F1 by the number of training sentences. Bands and lines are 95 % intervals; a dashed level has no size.");
}

function showTypes(choices) {
  showPlots(choices, (scope, _, series) => typePanel(scope, series), "systems", "F1 of each entity type, each system at its best size.");
}

function showPlots(choices, panel, what, explanation) {
  const rows = chosenRows(choices);
  const { series, found } = seriesOf(rows);
  const shown = series.filter((one) => !hiddenSeries.has(one.key));
  const drawnRows = shown.flatMap((one) => one.rows);
  const panels = panelsOf(drawnRows);
  fitFrame(panels.length);
  const figures = panels.slice(0, mostPanels).map(([scope, some]) => panel(scope, some, shown)).filter(Boolean);
  const notes = [];
  if (found > series.length) notes.push(`${series.length} of ${found.toLocaleString("en")} ${what} are drawn: those with the highest F1. Filters bring out others.`);
  if (panels.length > mostPanels) notes.push(`${mostPanels} of ${panels.length} languages are drawn.`);
  fill(
    element("p", { class: "found", role: "status" }, [explanation, ...notes].join(" ")),
    series.length && !figures.length && shown.length ? element("p", { class: "nothing" }, "Types are not averaged over languages. Choose a language.") : "",
    series.length ? legend(series, hiddenSeries, show) : element("p", { class: "nothing" }, "Nothing is like that. Take a filter away."),
    element("div", { class: "figures" }, ...figures),
    series.length ? numbersOf(drawnRows) : "",
  );
}

// The same numbers for whoever cannot see the plots.
function numbersOf(rows) {
  const names = ["system", "scope", "source", "setting", "size", "f1"];
  const columns = names.map((name) => facts.columns.find((column) => column.name === name));
  const details = element("details", { class: "as-table" }, element("summary", {}, "The numbers"));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(plainTable(columns.map(({ label }) => label), rows.slice(0, 500).map((row) => columns.map((column) => contentOf(row, column)))));
  });
  return details;
}

function plainTable(heads, lines) {
  const head = element("tr", {}, ...heads.map((label) => (label ? element("th", { scope: "col" }, label) : element("td"))));
  const body = lines.map((line) => element("tr", {}, ...line.map((cell) => element("td", {}, ...[cell].flat()))));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heads.filter(Boolean).join(", ") }, element("table", { class: "plain" }, element("thead", {}, head), element("tbody", {}, ...body)));
}

function showRow(id) {
  const row = rowOf(id);
  if (row === undefined) {
    main.replaceChildren(element("p", { class: "nothing" }, "There is no such row here. It may have been replaced by a newer one."));
    return;
  }
  const value = (name) => valueOf(name, row);
  const heading = element("h2", { tabindex: "-1" }, theirs(value("system"), { whole: true }));
  main.replaceChildren(
    element("p", { class: "back" }, element("a", { href: lastList }, "Back to the leaderboard")),
    element("article", { class: "row-page" },
      heading,
      element("p", { class: "who" }, "by ", theirs(value("organization"), { whole: true }), " ", badge(value("kind")), badge(value("status"))),
      element("p", { class: "meaning" }, facts.statusMeanings[value("status")] ?? ""),
      scoreTiles(row),
      factsOf(row),
      ...section("Entity types", perTypeTable(value("per_type"))),
      ...section("Names seen in training, and others", recallTable(row)),
      ...section("Training data", trainingTable(value("training"))),
      ...section("Result files", element("ul", { class: "files" }, ...value("results").map((path) => element("li", {}, outward(resultAddress(path), path))))),
      ...section("The same system elsewhere", sameSystem(row)),
    ),
  );
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function section(title, content) {
  return content ? [element("h3", {}, title), content] : [];
}

function scoreTiles(row) {
  const tile = (label, text, note) => element("div", { class: "tile" }, element("span", {}, label), element("b", {}, text), element("small", {}, note));
  const seeds = valueOf("seeds", row);
  return element("div", { class: "tiles" },
    tile("F1", forms.score(valueOf("f1", row)), intervalText(row) || "no interval"),
    tile("Rank", rankText(row), valueOf("rank_first", row) === null ? "not ranked" : "of its like"),
    tile("Macro F1", forms.score(valueOf("macro_f1", row)), "over types"),
    tile("Strict F1", forms.score(valueOf("strict_f1", row)), "IOB2"),
    tile("Precision", forms.score(valueOf("precision", row)), ""),
    tile("Recall", forms.score(valueOf("recall", row)), ""),
    tile("Seeds", String(seeds), seeds === 1 ? "run" : "runs"),
    tile("Cost", costText(row), "as claimed"),
  );
}

function factsOf(row) {
  const value = (name) => valueOf(name, row);
  const text = (name) => theirs(String(value(name) ?? dash) || dash, { whole: true });
  const revision = value("model_revision");
  const model = value("model") ? [outward(modelAddress(value("model"), revision), value("model")), revision ? element("code", {}, ` at ${revision.slice(0, 80)}`) : ""] : [dash];
  const entries = [
    ["Language", [labelOf("scope", value("scope"))]],
    ["Benchmark", [text("benchmark")]],
    ["Setting", [text("setting")]],
    ["Source", [text("source")]],
    ["Tagger", [text("tagger")]],
    ["Size", [sizeText(value("size"))]],
    ["Gold sentences", [forms.count(value("gold_sentences"))]],
    ["Synthetic sentences", [forms.count(value("synthetic_sentences"))]],
    ["F1 per cost", [forms.ratio(value("f1_per_cost"))]],
    ["F1 per gold sentence", [forms.ratio(value("f1_per_gold_sentence"))]],
    ["Model", model],
    ["Submitted", [forms.date(value("submitted"))]],
    ["More about it", [value("url") ? outward(safeAddress(value("url")), value("url")) : dash]],
  ];
  return element("dl", {}, ...entries.flatMap(([term, content]) => [element("dt", {}, term), element("dd", {}, ...content)]));
}

function perTypeTable(types) {
  if (!types.length) return null;
  return plainTable(["Type", "F1", "", "Gold mentions"], types.map(([type, f1, gold]) => [[theirs(type)], [forms.score(f1)], [bar(f1, 0, f1)], [forms.count(gold)]]));
}

function recallTable(row) {
  const recalls = [["Seen", valueOf("seen_recall", row)], ["Unseen", valueOf("unseen_recall", row)]].filter(([, recall]) => recall !== null);
  if (!recalls.length) return null;
  return plainTable(["Names", "Recall", ""], recalls.map(([label, recall]) => [[label], [forms.score(recall)], [bar(recall, 0, recall)]]));
}

function trainingTable(parts) {
  if (!parts.length) return null;
  return plainTable(["Role", "Data", "Config", "Revision", "Sentences"], parts.map(([role, id, config, revision, sentences]) => [
    [theirs(role)],
    [outward(datasetAddress(id, revision), id)],
    [theirs(config ?? dash)],
    [element("code", {}, theirs(revision ?? dash))],
    [forms.count(sentences)],
  ]));
}

function sameSystem(row) {
  const same = ["system", "organization"].map((name) => ({ codes: coded(name).codes, code: coded(name).codes[row] }));
  const others = [];
  for (let other = 0; other < rowCount && others.length < pageLength; other++) if (other !== row && same.every(({ codes, code }) => codes[other] === code)) others.push(other);
  if (!others.length) return null;
  const columns = ["scope", "setting", "source", "tagger", "size", "f1"].map((name) => facts.columns.find((column) => column.name === name));
  const lines = others.map((other) => [
    [element("a", { href: `#/row/${valueOf("id", other)}` }, theirs(labelOf("scope", valueOf("scope", other))))],
    ...columns.slice(1).map((column) => contentOf(other, column)),
  ]);
  return plainTable(columns.map(({ label }) => label), lines);
}

const answers = { kind: "results" };

function showSubmit() {
  const command = element("pre", { id: "command", tabindex: "0" });
  const write = () => (command.textContent = submitCommand());
  const field = (name, label, input) => {
    input.id = `submit-${name}`;
    input.dataset.held = `field ${name}`;
    input.value = answers[name] ?? "";
    const changed = () => {
      answers[name] = input.value;
      if (name === "kind") showSubmit();
      else write();
    };
    input.addEventListener(input.tagName === "SELECT" ? "change" : "input", changed);
    return element("label", {}, element("span", {}, label), input);
  };
  const choice = (choices) => element("select", {}, ...choices.map(([value, label]) => element("option", { value }, label.slice(0, longestText))));
  const inputOf = ({ name, example }) => {
    if (name === "benchmark") return choice([["", "Choose one"], ...facts.benchmarks.map((each) => [each, each])]);
    return element("input", { type: "text", placeholder: example, autocomplete: "off", spellcheck: "false" });
  };
  const asked = facts.submit.fields.filter(({ kinds }) => kinds.includes(answers.kind));
  fill(
    element("p", {}, "A submission is a pull request to the repository of this leaderboard. It holds the results and the predictions, which are scored again before a row counts as verified. Fill in what you have; the command below does the rest."),
    element("form", { class: "submit", onsubmit: (event) => event.preventDefault() },
      field("kind", "What is submitted", choice(Object.entries(facts.submit.kinds))),
      ...asked.map((each) => field(each.name, each.label, inputOf(each))),
    ),
    command,
    element("button", { type: "button", onclick: () => copy(command) }, "Copy"),
  );
  write();
}

const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);

function submitCommand() {
  const { command, fields } = facts.submit;
  const words = [];
  for (const { name, option, kinds, needed } of fields) {
    const answer = (answers[name] ?? "").trim() || (needed ? name.toUpperCase() : "");
    if (answer && kinds.includes(answers.kind)) words.push(`${option} ${quoted(answer)}`.trim());
  }
  words.push(`--to ${quoted(facts.repository ?? "ORG/LEADERBOARD")}`);
  return [command, ...words].join(" \\\n  ");
}

function copy(node) {
  getSelection().selectAllChildren(node);
  navigator.clipboard?.writeText(node.textContent).catch(() => {});
}

function showAbout() {
  main.replaceChildren(
    element("h2", {}, "How to read this"),
    element("dl", { class: "about" }, ...facts.howToRead.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)])),
    element("h3", {}, "Status"),
    element("dl", { class: "about" }, ...Object.entries(facts.statusMeanings).flatMap(([term, text]) => [element("dt", {}, badge(term)), element("dd", {}, text)])),
    element("h3", {}, "Columns"),
    element("dl", { class: "about" }, ...facts.columns.flatMap(({ label, meaning }) => [element("dt", {}, label), element("dd", {}, meaning)])),
  );
}

buildControls();
document.getElementById("views").append(...Object.entries(views).map(([name, [label]]) => element("a", { "data-view": name, href: "#/" }, label)));
addEventListener("hashchange", show);
show();
// What a search looks at is put together before anybody types.
if (window.requestIdleCallback) requestIdleCallback(() => filteredRows({}, "-"));
