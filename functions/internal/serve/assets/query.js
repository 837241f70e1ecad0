// The panel: it sends SQL or the name of a query, and shows the answer. What comes of the lake is put
// into the document as text, never as HTML.
"use strict";

const at = (id) => document.getElementById(id);
const form = at("form"), select = at("name"), sql = at("sql"), params = at("params");
const named = new Map();

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
  if (!query) return;
  sql.value = query.sql;
  for (const p of query.params) {
    const label = element("label", p.name + " (" + p.type + ") ");
    const input = element("input", "");
    input.name = p.name;
    input.type = p.type === "number" ? "number" : "text"; // a browser would show a date in its own way
    input.value = p.default;
    label.append(input);
    params.append(label);
  }
}

// question gives what to ask: by name, unless the SQL is the person's own.
function question() {
  if (!named.has(select.value)) return { sql: sql.value };
  const values = {};
  for (const input of params.querySelectorAll("input")) values[input.name] = input.value;
  return { name: select.value, params: values };
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
  at("error").hidden = true;
  at("result").hidden = true;
  at("status").textContent = "Running";
  try {
    show(await call("/api/query", question()));
  } catch (e) {
    at("status").textContent = "";
    at("error").textContent = e.message;
    at("error").hidden = false;
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
}, (e) => { at("error").textContent = e.message; at("error").hidden = false; });
