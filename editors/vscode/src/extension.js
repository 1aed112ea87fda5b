// Starts `archdsl lsp` and shows the page of `archdsl serve` beside the text. All else is the server's.
"use strict";

const { spawn } = require("node:child_process");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;
const pages = new Map(); // the preview of each file: its process and its panel

function command(...words) {
  const [program, ...before] = vscode.workspace.getConfiguration("archdsl").get("command");
  return { program, args: [...before, ...words] };
}

async function start() {
  const { program, args } = command("lsp");
  const run = { command: program, args };
  const selector = [
    { scheme: "file", language: "archdsl" },
    { scheme: "file", pattern: "**/specs/*.{yaml,yml}" },
  ];
  client = new LanguageClient("archdsl", "archdsl", { run, debug: run }, {
    documentSelector: selector,
    middleware: { executeCommand: choose },
  });
  try {
    await client.start();
  } catch (error) {
    const help = "install it with `pip install 'archdsl[lsp]'`, or set archdsl.command";
    vscode.window.showErrorMessage(`archdsl does not start (${error.message}): ${help}`);
  }
}

// What the server's code lenses run: asks which variant or instance the shapes are shown of, and tells the server.
async function choose(name, args, next) {
  if (name !== "archdsl.choose" || args.length !== 3) return next(name, args);
  const [uri, kind, options] = args;
  const all = "all instances";
  const offered = kind === "instance" ? [all, ...options] : options;
  const chosen = await vscode.window.showQuickPick(offered, { placeHolder: `Show the shapes of which ${kind}?` });
  if (chosen !== undefined) return next(name, [uri, kind, options, chosen === all ? "" : chosen]);
}

// The page of `archdsl serve`, which follows the file by itself.
async function preview() {
  const file = vscode.window.activeTextEditor?.document.uri.fsPath;
  if (file === undefined) return;
  if (pages.has(file)) return pages.get(file).panel.reveal();
  const { program, args } = command("serve", file, "--no-browser");
  const server = spawn(program, args);
  const panel = vscode.window.createWebviewPanel("archdsl", "archdsl", vscode.ViewColumn.Beside, { enableScripts: true });
  pages.set(file, { server, panel });
  panel.onDidDispose(() => {
    server.kill();
    pages.delete(file);
  });
  server.stdout.once("data", async (line) => {
    const address = /http:\/\/127\.0\.0\.1:\d+\/\S*/.exec(String(line))?.[0];
    if (address === undefined) return;
    const outside = await vscode.env.asExternalUri(vscode.Uri.parse(address));
    panel.webview.html = `<!doctype html><style>html,body,iframe{margin:0;width:100%;height:100%;border:0}</style>
      <iframe src="${outside.toString(true)}"></iframe>`;
  });
  server.on("error", (error) => vscode.window.showErrorMessage(`archdsl serve does not start: ${error.message}`));
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("archdsl.preview", preview),
    vscode.commands.registerCommand("archdsl.restart", async () => {
      await client?.stop();
      await start();
    }),
  );
  await start();
}

function deactivate() {
  for (const { server } of pages.values()) server.kill();
  return client?.stop();
}

module.exports = { activate, deactivate };
