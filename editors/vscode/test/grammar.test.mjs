// The grammar as VS Code runs it: every word of every spec that ships has a scope, and some have the one that is meant.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const { Registry } = require("vscode-textmate");
const { createOnigScanner, createOnigString, loadWASM } = require("vscode-oniguruma");

const HERE = new URL(".", import.meta.url);
const SPECS = new URL("../../../specs/", HERE);
const GRAMMAR = new URL("../syntaxes/archdsl.tmLanguage.json", HERE);

await loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")).buffer);
const registry = new Registry({
  onigLib: Promise.resolve({ createOnigScanner, createOnigString }),
  loadGrammar: async () => JSON.parse(readFileSync(GRAMMAR, "utf8")),
});
const grammar = await registry.loadGrammar("source.archdsl");

/** The words of a text, each with its innermost scope. */
function scopes(text) {
  const found = [];
  let stack = null;
  for (const line of text.split("\n")) {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, stack);
    stack = ruleStack;
    for (const { startIndex, endIndex, scopes } of tokens) found.push([line.slice(startIndex, endIndex), scopes.at(-1)]);
  }
  return found;
}

for (const file of readdirSync(SPECS).filter((name) => name.endsWith(".arch"))) {
  test(`${file}: no word is without a scope`, () => {
    const left = scopes(readFileSync(new URL(file, SPECS), "utf8")).filter(([word, scope]) => /\w/.test(word) && scope === "source.archdsl");
    assert.deepEqual(left, []);
  });
}

test("words have the scopes that are meant", () => {
  const found = Object.fromEntries(scopes('network Net(x: [N, 3]) {\n    x -> fc: linear(2, bias = false) @frozen # why\n}'));
  assert.equal(found.network, "keyword.declaration.archdsl");
  assert.equal(found.Net, "entity.name.type.archdsl");
  assert.equal(found.fc, "entity.name.tag.label.archdsl");
  assert.equal(found.linear, "support.function.operator.archdsl");
  assert.equal(found.false, "constant.language.archdsl");
  assert.equal(found["@frozen"], "storage.modifier.mark.archdsl");
  assert.equal(found["# why"], "comment.line.number-sign.archdsl");
});
