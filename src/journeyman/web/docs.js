// Lists the operations of openapi.json. All text is set as text content and never parsed as markup.
"use strict";

function element(tag, text, parent, className) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  parent.append(made);
  return made;
}

function schemaOf(content) {
  return Object.entries(content || {}).map(([type, { schema }]) => ({ type, name: nameOf(schema), schema }));
}

function nameOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.properties && schema.properties.items) return nameOf(schema.properties.items.items) + "[] (page)";
  return [].concat(schema.type || "object").join(" | ");
}

function shape(parent, content) {
  for (const { type, name } of schemaOf(content)) {
    const line = element("span", " " + type + ": ", parent);
    const base = name.replace(/\[.*$/, "");
    const link = element("a", name, line);
    link.href = "#shape-" + base;
  }
}

function parameters(operation, section) {
  if (!operation.parameters || !operation.parameters.length) return;
  const table = element("table", "", section);
  for (const parameter of operation.parameters) {
    const row = element("tr", "", table);
    element("td", parameter.name, row, "name");
    element("td", parameter.in + (parameter.required ? ", required" : ""), row);
    element("td", parameter.description || "", row);
  }
}

function draw(path, method, operation, parent) {
  const section = element("details", "", parent);
  const summary = element("summary", "", section);
  element("code", method.toUpperCase() + " " + path, summary);
  element("span", " " + (operation.summary || ""), summary);
  if (operation.description) element("p", operation.description, section);
  parameters(operation, section);
  if (operation.requestBody) shape(element("p", "Body", section), operation.requestBody.content);
  for (const [status, response] of Object.entries(operation.responses)) {
    shape(element("p", status + " " + response.description, section), response.content);
  }
}

function drawShape(name, schema, parent) {
  const section = element("details", "", parent);
  section.id = "shape-" + name;
  element("code", name, element("summary", "", section));
  if (schema.description) element("p", schema.description, section);
  element("pre", JSON.stringify(schema, null, 2), section);
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") target.open = true;
}

async function main() {
  const about = document.getElementById("about");
  const answer = await fetch("openapi.json");
  if (!answer.ok) {
    about.textContent = "openapi.json could not be read: " + answer.status;
    return;
  }
  const api = await answer.json();
  about.textContent = api.info.title + " " + api.info.version + ". " + api.info.description;
  const operations = document.getElementById("operations");
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) draw(path, method, operation, operations);
  }
  document.getElementById("shapes-title").hidden = false;
  const shapes = document.getElementById("shapes");
  for (const [name, schema] of Object.entries(api.components.schemas)) drawShape(name, schema, shapes);
  addEventListener("hashchange", openTarget);
  openTarget();
}

main();
