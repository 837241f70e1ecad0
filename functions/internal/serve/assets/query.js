// The panel: it sends the SQL in the box, and shows the answer. A named query and its parameters fill
// the box, so what the box shows is what runs. What comes of the lake is put into the document as
// text, never as HTML.
"use strict";

const at = (id) => document.getElementById(id);
const form = at("form"), select = at("name"), sql = at("sql"), params = at("params");
const named = new Map();
let filled = Promise.resolve(); // rejected where the parameters give no SQL

// element gives a new element with a text.
function element(tag, text, className) {
  const e = document.createElement(tag);
  e.textContent = text;
  if (className) e.className = className;
  return e;
}

// call gives the JSON of a request that went well, and throws the message of one that did not.
async function call(path, body) {
  const init = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, init);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// choose shows a named query, its parameters and its SQL.
function choose() {
  const query = named.get(select.value);
  at("description").textContent = query ? query.description : "";
  params.replaceChildren();
  filled = Promise.resolve(); // what is under way fills nothing any more
  fail("");
  if (!query) return;
  sql.value = query.sql;
  for (const p of query.params) {
    const label = element("label", p.name + " (" + p.type + ") ");
    const input = element("input", "");
    input.name = p.name;
    input.type = p.type === "number" ? "number" : "text"; // a browser would show a date in its own way
    input.value = p.default;
    input.addEventListener("input", fill);
    input.addEventListener("change", () => complain(filled)); // not while it is being typed
    label.append(input);
    params.append(label);
  }
}

// fill shows the SQL of the parameters.
function fill() {
  const values = {};
  for (const input of params.querySelectorAll("input")) values[input.name] = input.value;
  const asked = call("/api/sql", { name: select.value, params: values });
  const filling = filled = asked.then((answer) => {
    if (filled !== filling) return; // there is a newer one
    sql.value = answer.sql;
    fail("");
  });
  filling.catch(() => {}); // who wants to know asks filled
}

// complain shows what is wrong with the parameters, unless there are newer ones.
function complain(filling) {
  filling.catch((e) => { if (filled === filling) fail(e.message); });
}

// fail shows a message, or none.
function fail(message) {
  at("error").textContent = message;
  at("error").hidden = message === "";
}

// cell gives a table's cell with a value.
function cell(value, column) {
  if (value === null) return element("td", "NULL", "null");
  return element("td", String(value), column.numeric ? "number" : "");
}

function show(answer) {
  const head = document.createElement("tr");
  for (const c of answer.columns) {
    const th = element("th", c.name, c.numeric ? "number" : "");
    th.scope = "col";
    th.title = c.type;
    head.append(th);
  }
  const lines = answer.rows.map((row) => {
    const tr = document.createElement("tr");
    tr.append(...row.map((value, i) => cell(value, answer.columns[i])));
    return tr;
  });
  const result = at("result");
  result.querySelector("thead").replaceChildren(head);
  result.querySelector("tbody").replaceChildren(...lines);
  result.hidden = false;
  const rows = answer.rows.length === 1 ? "1 row" : answer.rows.length + " rows";
  at("status").textContent = (answer.truncated ? "The first " + rows + "; there are more" : rows) + ", in " + answer.seconds + " s";
}

async function run() {
  if (at("run").disabled) return;
  at("run").disabled = true;
  fail("");
  at("result").hidden = true;
  at("status").textContent = "Running";
  try {
    await filled;
    show(await call("/api/query", { sql: sql.value }));
  } catch (e) {
    at("status").textContent = "";
    fail(e.message);
  }
  at("run").disabled = false;
}

form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
form.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(); });
select.addEventListener("change", choose);
sql.addEventListener("input", () => { // SQL that was changed is the person's own
  if (!named.has(select.value)) return;
  select.value = "";
  choose();
});

call("/api/queries").then((queries) => {
  for (const q of queries) {
    named.set(q.name, q);
    const option = element("option", q.name + ": " + q.description);
    option.value = q.name;
    select.append(option);
  }
}, (e) => fail(e.message));
