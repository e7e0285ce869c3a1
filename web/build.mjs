#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// build.mjs --out DIR --table FILE.c [--dev] [--no-check]
//
// Bundles the page into DIR (names hold a hash of the content, brotli beside each file where that is
// smaller) and writes FILE.c, which links all of it into the executable: the table of src/hub/assets.h.
// The same sources give the same bytes.  --dev: readable, with source maps, no brotli.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import zlib from "node:zlib";
import esbuild from "esbuild";
import { FILE as NOTICES, packages } from "./notices.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: opt } = parseArgs({
	options: {
		out: { type: "string" },
		table: { type: "string" },
		dev: { type: "boolean", default: false },
		"no-check": { type: "boolean", default: false },
	},
});
if (!opt.out) {
	console.error("usage: build.mjs --out DIR [--table FILE.c] [--dev] [--no-check]");
	process.exit(2);
}
const out = path.resolve(opt.out);
const INITIAL_MAX = 60000; /* bytes, compressed */

const TYPES = {
	".html": "text/html; charset=utf-8",
	".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
	".map": "application/json",
	".txt": "text/plain; charset=utf-8",
	".jsonl": "application/jsonl",
};

/* The type check runs beside the bundler, which ignores types. */
function check() {
	if (opt["no-check"]) return Promise.resolve(0);
	const tsc = path.join(here, "node_modules", ".bin", "tsc");
	return new Promise((resolve, reject) => {
		const p = spawn(tsc, ["--noEmit", "-p", "tsconfig.json"], { cwd: here, stdio: "inherit" });
		p.on("error", reject);
		p.on("exit", (code) => resolve(code ?? 1));
	});
}

/* A style sheet of a page that is loaded later is text in that page's code, which adopts it. */
const lazyStyles = {
	name: "lazy-styles",
	setup(build) {
		build.onLoad({ filter: /(\/style\/lazy\/.*|\/uplot\/.*)\.css$/ }, async ({ path: file }) => {
			const css = await readFile(file, "utf8");
			const r = await esbuild.transform(css, { loader: "css", minify: !opt.dev, legalComments: "none" });
			return { contents: r.code, loader: "text" };
		});
	},
};

/* What is fetched before anything shows: the index's files and what they import at once. */
function initial(meta) {
	const first = new Set();
	const add = (file) => {
		if (first.has(path.basename(file))) return;
		first.add(path.basename(file));
		for (const i of meta.outputs[file].imports) if (i.kind === "import-statement") add(i.path);
	};
	for (const [file, o] of Object.entries(meta.outputs)) if (o.entryPoint && /(main\.tsx|theme-early\.ts|page\.css)$/.test(o.entryPoint)) add(file);
	return first;
}

async function bundle() {
	const r = await esbuild.build({
		absWorkingDir: here,
		entryPoints: { main: "src/main.tsx", theme: "src/theme-early.ts", style: "src/style/page.css" },
		outdir: path.join(out, "a"),
		entryNames: "[name]-[hash]",
		chunkNames: "[name]-[hash]",
		assetNames: "[name]-[hash]",
		bundle: true,
		splitting: true,
		format: "esm",
		target: ["es2022", "chrome123", "firefox120", "safari17.5"],
		jsx: "automatic",
		jsxImportSource: "preact",
		minify: !opt.dev,
		sourcemap: opt.dev ? "linked" : false,
		legalComments: "none",
		charset: "utf8",
		define: { "process.env.NODE_ENV": '"production"' },
		plugins: [lazyStyles],
		loader: { ".txt": "file", ".jsonl": "file" },
		metafile: true,
		write: false,
		logLevel: "warning",
	});
	return r;
}

/* Whose code is in the bundle has to be named with its licence. */
async function licensed(meta) {
	const text = await readFile(NOTICES, "utf8");
	const known = new Map((await packages()).map((p) => [p.name, p]));
	for (const file of Object.keys(meta.inputs)) {
		const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(file)?.[1];
		const p = known.get(name);
		if (name && (!p || !text.includes(`${p.name} ${p.version} (${p.license})\n`))) throw new Error(`LICENSES/page.txt does not name ${name}: run node web/notices.mjs --write`);
	}
}

/* The name of the output of one entry point, relative to the index. */
function entry(meta, source) {
	for (const [file, o] of Object.entries(meta.outputs))
		if (o.entryPoint === source) return "a/" + path.basename(file);
	throw new Error(`no output for ${source}`);
}

const brotli = promisify(zlib.brotliCompress);

async function compress(data) {
	if (opt.dev) return null;
	const br = await brotli(data, {
		params: {
			[zlib.constants.BROTLI_PARAM_QUALITY]: 11,
			[zlib.constants.BROTLI_PARAM_SIZE_HINT]: data.length,
		},
	});
	return br.length < data.length ? br : null;
}

const quote = (s) => JSON.stringify(s);

/* .incbin: a megabyte of assets costs the compiler nothing.  Paths are relative to the top of the tree,
 * where make runs the compiler, so that the table does not depend on where the tree lies. */
function table(assets) {
	const top = path.dirname(here);
	const c = ["/* Written by web/build.mjs; do not edit. */", '#include "hub/assets.h"', ""];
	const decl = [];
	const rows = [];
	assets.forEach((a, i) => {
		const blob = (sym, file) => {
			const lines = [
				".pushsection .rodata",
				".balign 16",
				`.hidden ${sym}`,
				`.globl ${sym}`,
				`${sym}:`,
				`.incbin ${quote(path.relative(top, file))}`,
				".popsection",
			];
			/* Quoted twice: for the assembler, then for C. */
			c.push(`__asm__(${quote(lines.join("\n") + "\n")});`);
			decl.push(`extern const uint8_t ${sym}[];`);
			return sym;
		};
		const data = blob(`limpid_asset_${i}`, a.file);
		const br = a.br ? blob(`limpid_asset_${i}_br`, a.file + ".br") : "NULL";
		rows.push(
			`\t{ ${quote(a.path)}, ${quote(a.type)}, ${data}, ${br}, ${a.n}, ${a.br ? a.br.length : 0}, ${a.immutable} },`,
		);
	});
	c.push("", ...decl, "");
	c.push("const struct asset assets[] = {", ...rows, "};");
	c.push("const size_t assets_n = sizeof(assets) / sizeof(assets[0]);", "");
	return c.join("\n");
}

async function main() {
	const [failed, built] = await Promise.all([check(), bundle()]);
	if (failed) throw new Error("the type check found errors");
	await licensed(built.metafile);

	const files = built.outputFiles.map((f) => ({ name: "a/" + path.basename(f.path), data: Buffer.from(f.contents) }));
	const icon = await readFile(path.join(here, "src/icon.svg"));
	const iconName = `a/icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8).toUpperCase()}.svg`;
	files.push({ name: iconName, data: icon });

	const index = (await readFile(path.join(here, "src/index.html"), "utf8"))
		.replace("@THEME@", entry(built.metafile, "src/theme-early.ts"))
		.replace("@STYLE@", entry(built.metafile, "src/style/page.css"))
		.replace("@MAIN@", entry(built.metafile, "src/main.tsx"))
		.replace("@ICON@", iconName);
	files.push({ name: "index.html", data: Buffer.from(index) });
	files.sort((a, b) => (a.name < b.name ? -1 : 1));

	await mkdir(path.join(out, "a"), { recursive: true });
	/* Files of former builds would only confuse whoever looks. */
	for (const old of await readdir(path.join(out, "a"))) await rm(path.join(out, "a", old));
	const assets = [];
	for (const f of files) {
		const file = path.join(out, f.name);
		const br = await compress(f.data);
		await writeFile(file, f.data);
		if (br) await writeFile(file + ".br", br);
		assets.push({
			path: "/" + f.name,
			type: TYPES[path.extname(f.name)] ?? "application/octet-stream",
			file,
			n: f.data.length,
			br,
			immutable: f.name.startsWith("a/"),
		});
	}
	if (opt.table) {
		await mkdir(path.dirname(path.resolve(opt.table)), { recursive: true });
		await writeFile(opt.table, table(assets));
	}
	const sum = (f, list = assets) => list.reduce((n, a) => n + f(a), 0);
	const first = initial(built.metafile);
	const atOnce = sum((a) => a.br?.length ?? a.n, assets.filter((a) => !a.immutable || a.file.endsWith(".svg") || first.has(path.basename(a.file))));
	console.log(`page: ${assets.length} files, ${sum((a) => a.n)} bytes, ${sum((a) => a.br?.length ?? a.n)} compressed, ${atOnce} of these at once`);
	if (!opt.dev && atOnce > INITIAL_MAX) throw new Error(`what is fetched at once is ${atOnce} bytes, and ${INITIAL_MAX} is the limit: import() what can wait`);
}

main().catch((e) => {
	console.error(`build.mjs: ${e.message}`);
	process.exit(1);
});
