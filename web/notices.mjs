#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// notices.mjs [--write] - the licences of the packages that the page's code is bundled with, from the lock file and
// node_modules.  --write: into LICENSES/page.txt, which the page shows; else says whether that file is right.
import { readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
export const FILE = path.join(here, "../LICENSES/page.txt");

/* Name and version of every package that is not only for building and testing. */
export async function packages(top = here) {
	const lock = JSON.parse(await readFile(path.join(top, "package-lock.json"), "utf8"));
	return Object.entries(lock.packages)
		.filter(([at, p]) => at && !p.dev && !p.optional)
		.map(([at, p]) => ({ at, name: at.replace(/^.*node_modules\//, ""), version: p.version, license: p.license }))
		.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function licenceOf(top, p) {
	const dir = path.join(top, p.at);
	const file = (await readdir(dir)).find((f) => /^(licen[cs]e|copying)(\.(md|txt))?$/i.test(f));
	if (!file) throw new Error(`${p.name} comes without a licence text: look into ${dir}`);
	return (await readFile(path.join(dir, file), "utf8")).replace(/\r/g, "").trim();
}

/* Packages with the same text are named together. */
export async function notices(top = here) {
	const by = new Map();
	for (const p of await packages(top)) {
		const text = await licenceOf(top, p);
		by.set(text, [...(by.get(text) ?? []), `${p.name} ${p.version} (${p.license})`]);
	}
	const parts = [...by].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
	return `What Limpid's page is made with, and under which terms.\n\n${parts.join(`\n${"-".repeat(78)}\n\n`)}`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
	const text = await notices();
	if (process.argv[2] === "--write") await writeFile(FILE, text);
	else if (text !== (await readFile(FILE, "utf8").catch(() => ""))) {
		console.error("LICENSES/page.txt is not what node_modules says: run node web/notices.mjs --write");
		process.exit(1);
	}
}
