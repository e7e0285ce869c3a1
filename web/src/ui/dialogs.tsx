// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import { count } from "../model/format";
import { clearAll, notice, signIn, signinError, total } from "../session";
import { Icon, Logo } from "./icons";

export const confirmClear = signal(false);
export const helpOpen = signal(false);

function Dialog(p: { open: boolean; close: () => void; label: string; children: ComponentChildren; class?: string }) {
	const ref = useRef<HTMLDialogElement>(null);
	useEffect(() => {
		const d = ref.current!;
		if (p.open && !d.open) d.showModal();
		if (!p.open && d.open) d.close();
	}, [p.open]);
	return (
		<dialog
			ref={ref}
			class={p.class}
			aria-label={p.label}
			onClose={p.close}
			onClick={(e) => {
				if (e.target === ref.current) p.close();
			}}
		>
			{p.open && p.children}
		</dialog>
	);
}

export function ClearDialog() {
	const close = () => (confirmClear.value = false);
	return (
		<Dialog open={confirmClear.value} close={close} label="Clear all flows">
			<div class="dialog">
				<h2>Delete {count(total.value)} flows?</h2>
				<p>They are deleted for everybody who looks at this hub, and cannot be brought back.</p>
				<div class="dialog-buttons">
					<button class="btn" onClick={close} autofocus>
						Keep them
					</button>
					<button
						class="btn danger"
						onClick={() => {
							close();
							void clearAll();
						}}
					>
						Delete
					</button>
				</div>
			</div>
		</Dialog>
	);
}

const KEYS: [string, [string, string][]][] = [
	[
		"List",
		[
			["j k ↑ ↓", "next, previous row"],
			["PgUp PgDn", "a page"],
			["g Home", "oldest row"],
			["G End F", "newest, and follow"],
			["Enter", "open the detail"],
			["Esc", "close the detail; then clear the filter"],
			["Space", "hold the list still, go on"],
			["m then 1 … 6", "mark with a colour; 0: none"],
			["n", "note"],
			["p", "pin: evicted last"],
			["M", "menu of the row"],
			["Shift+↑ Shift+↓ Ctrl+A", "choose several rows"],
			["← → then + -", "a value: show only, exclude"],
			["C", "columns and their order"],
		],
	],
	[
		"Filter and pages",
		[
			["/ Ctrl+F", "filter"],
			["Tab ↓", "complete; saved and former filters"],
			["S", "saved filters"],
			["Esc", "back to the list"],
			["1 2 3 4 5", "Flows, Map, SQL, Metrics, Health"],
			["w o", "export; open a file"],
			["P", "hide secrets on this screen"],
			["?", "these keys"],
		],
	],
	[
		"Detail",
		[
			["[ ]", "previous, next tab"],
			["\\", "whole window, and back"],
			["|", "beside or below the list"],
			["c then c", "copy as cURL, or as psql, redis-cli"],
			["c then f p r", "copy as fetch, Python, raw request"],
			["d", "choose for comparing; on another flow compare"],
			["e", "edit the request and send it again (--resend)"],
			["Ctrl+F, F3", "search in a body, next hit"],
			["← →", "fold, unfold in a JSON tree"],
		],
	],
	[
		"Recording",
		[
			["Ctrl+E", "start, stop"],
			["Ctrl+Shift+Del", "delete all flows"],
		],
	],
];

export function HelpDialog() {
	return (
		<Dialog open={helpOpen.value} close={() => (helpOpen.value = false)} label="Keys" class="wide">
			<div class="dialog">
				<div class="dialog-head">
					<h2>Keys</h2>
					<button class="bare" aria-label="Close" onClick={() => (helpOpen.value = false)}>
						<Icon name="close" />
					</button>
				</div>
				<div class="keys">
					{KEYS.map(([title, list]) => (
						<section>
							<h3>{title}</h3>
							<dl>
								{list.map(([keys, what]) => (
									<div>
										<dt>
											{keys.split(" ").map((k) => (k === "then" ? <span> then </span> : <kbd>{k}</kbd>))}
										</dt>
										<dd>{what}</dd>
									</div>
								))}
							</dl>
						</section>
					))}
				</div>
			</div>
		</Dialog>
	);
}

export function SignIn() {
	return (
		<main class="signin">
			<form
				onSubmit={(e) => {
					e.preventDefault();
					const t = new FormData(e.currentTarget as HTMLFormElement).get("token");
					if (typeof t === "string" && t.trim()) void signIn(t);
				}}
			>
				<Logo />
				<h2>Open the address that Limpid printed</h2>
				<p>
					It holds the token of this hub and looks like <code>{location.origin}/#t=…</code>. Or paste the address, or the token, here:
				</p>
				<label for="token">Address or token</label>
				<div class="signin-line">
					<input id="token" name="token" type="password" autocomplete="off" spellcheck={false} autofocus />
					<button class="btn primary" type="submit">
						Sign in
					</button>
				</div>
				{signinError.value && (
					<p class="bad" role="alert">
						<Icon name="warn" /> {signinError.value}
					</p>
				)}
			</form>
		</main>
	);
}

let timer = 0;
notice.subscribe((text) => {
	clearTimeout(timer);
	if (text) timer = window.setTimeout(() => (notice.value = ""), 4000);
});

export function Notice() {
	return (
		<div class="notice" role="status">
			{notice.value && <span>{notice.value}</span>}
		</div>
	);
}
