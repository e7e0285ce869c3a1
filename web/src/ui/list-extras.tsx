// SPDX-License-Identifier: Apache-2.0
// What opens over the list: the row's menu, a note, the choice of columns, the named filters.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../model/api";
import type { Row } from "../model/api";
import { COLUMNS, USUAL, nextSort, shift, toggle } from "../model/columns";
import { curl } from "../model/curl";
import { oneLine } from "../model/format";
import { formatRoute } from "../model/route";
import { likeThis, termOf } from "../model/terms";
import { attempt, filter, openDetail, say, sortBy } from "../session";
import { layout, setLayout, sort } from "../state/columns";
import { showable } from "../state/screen";
import { COLOURS, markWith, note, picked, targets, togglePin } from "../state/notes";
import { saveFilters, saved } from "../state/saved";
import { copyText } from "./clipboard";
import { setFilterText } from "./filter-box";
import { filterBy } from "./grid-mouse";
import { Icon } from "./icons";
import css from "../style/lazy/list-extras.css";
import { adopt } from "./lazy";
import { columnsOpen, noteOpen, rowMenu, savedOpen } from "./row-menu-open";
import type { MenuAt } from "./row-menu-open";

adopt(css);

const toGrid = () => document.getElementById("grid")?.focus({ preventScroll: true });

function Modal(p: { open: boolean; close: () => void; label: string; children: ComponentChildren }) {
	const ref = useRef<HTMLDialogElement>(null);
	useEffect(() => {
		const d = ref.current!;
		if (p.open && !d.open) d.showModal();
		if (!p.open && d.open) d.close();
	}, [p.open]);
	const closed = () => {
		p.close();
		toGrid();
	};
	return (
		<dialog ref={ref} aria-label={p.label} onClose={closed} onClick={(e) => e.target === ref.current && ref.current!.close()}>
			{p.open && p.children}
		</dialog>
	);
}

interface Item {
	label: string;
	key?: string;
	run: () => void;
}

async function copyCurlOf(r: Row): Promise<void> {
	const f = await attempt(api.flow(r.id));
	if (!f) return;
	const { text, notes } = curl(f, false);
	await copyText(text, "cURL line");
	if (notes.length) say(`cURL line copied. ${notes.join(" ")}`);
}

async function onlyConnection(r: Row): Promise<void> {
	const f = (await attempt(api.flow(r.id))) as { conn?: number } | undefined;
	if (f?.conn) setFilterText(`conn:${f.conn}`);
}

function itemsOf(m: MenuAt): Item[][] {
	const r = m.row;
	const col = COLUMNS.find((c) => c.key === m.column);
	const term = termOf(m.column, r);
	const http = /^(http1|http2|grpc|websocket)$/.test(r.proto);
	const here = location.href.split("#")[0]!;
	const link = here + formatRoute({ page: "flows", filter: filter.peek(), selected: r.id, tab: "headers", args: {} });
	const one = !picked.peek().size;
	const groups: Item[][] = [];
	if (one) {
		groups.push([
			{ label: "Open", key: "Enter", run: openDetail },
			{ label: "Open in a new tab", run: () => void window.open(link, "_blank", "noopener") },
		]);
		if (col && term)
			groups.push([
				{ label: `Only ${oneLine(term, 46)}`, key: "+", run: () => filterBy(term, false) },
				{ label: `Without ${oneLine(term, 46)}`, key: "-", run: () => filterBy(term, true) },
			]);
		groups.push([
			{ label: "Only flows like this", run: () => filterBy(likeThis(r), false) },
			{ label: "Exclude flows like this", run: () => filterBy(likeThis(r), true) },
			{ label: "Only this connection", run: () => void onlyConnection(r) },
		]);
	}
	groups.push([
		{ label: `Note${one && r.note ? " (change)" : ""}…`, key: "n", run: () => (noteOpen.value = true) },
		{ label: targets().every((t) => t.pinned) ? "Take the pin away" : "Pin: evict last", key: "p", run: togglePin },
	]);
	if (one)
		groups.push([
			...(http ? [{ label: "Copy as cURL", run: () => void copyCurlOf(r) }] : []),
			{ label: "Copy the target", run: () => void copyText(r.target, "Target") },
			{ label: "Copy a link to this row", run: () => void copyText(link, "Link") },
		]);
	return groups;
}

function RowMenu() {
	const m = rowMenu.value;
	const box = useRef<HTMLDivElement>(null);
	const close = () => {
		rowMenu.value = null;
		toGrid();
	};
	useEffect(() => {
		const el = box.current;
		if (!m || !el) return;
		/* Inside of the window, wherever it was asked for. */
		el.style.left = `${Math.max(4, Math.min(m.x, innerWidth - el.offsetWidth - 4))}px`;
		el.style.top = `${Math.max(4, Math.min(m.y, innerHeight - el.offsetHeight - 4))}px`;
		el.querySelector<HTMLElement>("[role^=menuitem]")?.focus();
		const away = (e: Event) => {
			if (!el.contains(e.target as Node)) rowMenu.value = null;
		};
		addEventListener("pointerdown", away, true);
		addEventListener("resize", close);
		return () => {
			removeEventListener("pointerdown", away, true);
			removeEventListener("resize", close);
		};
	}, [m]);
	if (!m) return null;
	const act = (run: () => void) => () => {
		close();
		run();
	};
	const onKey = (e: KeyboardEvent) => {
		const all = [...box.current!.querySelectorAll<HTMLElement>("[role^=menuitem]")];
		const i = all.indexOf(document.activeElement as HTMLElement);
		const colour = (document.activeElement as HTMLElement).dataset.colour !== undefined;
		if (e.key === "Escape" || e.key === "Tab") close();
		else if (e.key === "ArrowDown" || (colour && e.key === "ArrowRight")) all[(i + 1) % all.length]?.focus();
		else if (e.key === "ArrowUp" || (colour && e.key === "ArrowLeft")) all[(i + all.length - 1) % all.length]?.focus();
		else if (e.key === "Home") all[0]?.focus();
		else if (e.key === "End") all.at(-1)?.focus();
		else if (/^[0-6]$/.test(e.key)) act(() => markWith(Number(e.key)))();
		else if (e.key === "Enter" || e.key === " ") return e.stopPropagation();
		e.stopPropagation();
		e.preventDefault();
	};
	const n = picked.value.size;
	return (
		<div ref={box} class="menu-list row-menu" role="menu" aria-label={n ? `${n} rows` : "Row"} onKeyDown={onKey}>
			{n > 0 && <p class="muted">{n} rows</p>}
			<div class="colours" role="group" aria-label="Mark">
				{COLOURS.map((c, i) => (
					<button role="menuitemradio" tabIndex={-1} data-colour={i + 1} data-mark={i + 1} aria-checked={targets().every((t) => t.mark === i + 1)} title={`Mark ${c} (m ${i + 1})`} aria-label={`Mark ${c}`} onClick={act(() => markWith(i + 1))}>
						<span class="chip">{i + 1}</span>
					</button>
				))}
				<button role="menuitemradio" tabIndex={-1} data-colour={0} aria-checked={false} title="No mark (m 0)" aria-label="No mark" onClick={act(() => markWith(0))}>
					<Icon name="close" />
				</button>
			</div>
			{itemsOf(m).map((g) => (
				<div role="group" class="menu-group">
					{g.map((it) => (
						<button role="menuitem" tabIndex={-1} onClick={act(it.run)}>
							<span>{it.label}</span>
							{it.key && <kbd>{it.key}</kbd>}
						</button>
					))}
				</div>
			))}
		</div>
	);
}

function NoteDialog() {
	const t = targets();
	const close = () => (noteOpen.value = false);
	const hidden = t.some((r) => r.note && !showable(r.note));
	const keep = (e: Event) => {
		e.preventDefault();
		const text = String(new FormData(e.currentTarget as HTMLFormElement).get("note") ?? "").trim();
		close();
		void note({ note: text }, text ? "Noted" : "Note taken away");
	};
	return (
		<Modal open={noteOpen.value} close={close} label="Note">
			<form class="dialog" onSubmit={keep}>
				<h2>{t.length > 1 ? `Note beside ${t.length} flows` : "Note"}</h2>
				<p class="muted">{hidden ? "It holds a secret, which is hidden here: leave presentation mode (P) to change it." : "Everybody who looks at this hub sees it."}</p>
				<textarea
					disabled={hidden}
					name="note"
					rows={4}
					maxLength={1000}
					aria-label="Note"
					autofocus
					onKeyDown={(e) => {
						if (e.key === "Enter" && !e.shiftKey) {
							e.preventDefault();
							(e.currentTarget as HTMLTextAreaElement).form!.requestSubmit();
						}
					}}
				>
					{t.length === 1 && !hidden ? t[0]!.note : ""}
				</textarea>
				<div class="dialog-buttons">
					<button class="btn" type="button" onClick={close}>
						Cancel
					</button>
					<button class="btn primary" type="submit" disabled={hidden}>
						Keep <kbd>Enter</kbd>
					</button>
				</div>
			</form>
		</Modal>
	);
}

function ColumnsDialog() {
	const l = layout.value;
	const s = sort.value;
	return (
		<Modal open={columnsOpen.value} close={() => (columnsOpen.value = false)} label="Columns">
			<div class="dialog columns-dialog">
				<div class="dialog-head">
					<h2>Columns</h2>
					<button class="bare" aria-label="Close" onClick={() => (columnsOpen.value = false)}>
						<Icon name="close" />
					</button>
				</div>
				<ul>
					{l.order.map((key, i) => {
						const c = COLUMNS.find((x) => x.key === key)!;
						const dir = s?.by !== key ? "" : s.desc ? "descending" : "ascending";
						return (
							<li key={key}>
								<label>
									<input type="checkbox" checked={l.shown.includes(key)} disabled={l.shown.length === 1 && l.shown.includes(key)} onChange={() => setLayout(toggle(l, key))} /> {c.key === "n" ? "Number" : c.label}
								</label>
								{c.sort ? (
									<button class="btn tiny" onClick={() => sortBy(nextSort(s, c))}>
										{dir ? (s!.desc ? "sorted ↓" : "sorted ↑") : "sort"}
										<span class="sr">
											{" "}
											by {c.label} {dir}
										</span>
									</button>
								) : (
									<span />
								)}
								<button class="bare" aria-label={`${c.label} further left`} disabled={i === 0} onClick={() => setLayout(shift(l, key, -1))}>
									<Icon name="more" class="up" />
								</button>
								<button class="bare" aria-label={`${c.label} further right`} disabled={i === l.order.length - 1} onClick={() => setLayout(shift(l, key, 1))}>
									<Icon name="more" />
								</button>
							</li>
						);
					})}
				</ul>
				<div class="dialog-buttons">
					<button class="btn" onClick={() => setLayout(USUAL)}>
						As usual
					</button>
				</div>
			</div>
		</Modal>
	);
}

function SavedDialog() {
	const [name, setName] = useState("");
	const now = filter.value;
	const list = saved.value;
	const keep = (e: Event) => {
		e.preventDefault();
		const n = name.trim();
		if (!n) return;
		void saveFilters([...list.filter((s) => s.name !== n), { name: n, filter: now }]);
		setName("");
	};
	return (
		<Modal open={savedOpen.value} close={() => (savedOpen.value = false)} label="Saved filters">
			<div class="dialog saved-dialog">
				<div class="dialog-head">
					<h2>Saved filters</h2>
					<button class="bare" aria-label="Close" onClick={() => (savedOpen.value = false)}>
						<Icon name="close" />
					</button>
				</div>
				<p class="muted">Kept by the hub, for everybody.</p>
				{now ? (
					<form class="saved-new" onSubmit={keep}>
						<code>{oneLine(now, 200)}</code>
						<input type="text" name="name" aria-label="Name" placeholder="Name of this filter" maxLength={60} value={name} autofocus onInput={(e) => setName((e.target as HTMLInputElement).value)} />
						<button class="btn primary" type="submit" disabled={!name.trim()}>
							Save
						</button>
					</form>
				) : (
					<p>Type a filter first, then save it here.</p>
				)}
				<ul>
					{list.map((s) => (
						<li key={s.name}>
							<button
								class="saved-use"
								onClick={() => {
									savedOpen.value = false;
									setFilterText(s.filter);
								}}
							>
								<b>{oneLine(s.name, 80)}</b> <code>{oneLine(s.filter, 200)}</code>
							</button>
							<button class="bare" aria-label={`Delete ${oneLine(s.name, 80)}`} onClick={() => void saveFilters(list.filter((x) => x !== s))}>
								<Icon name="clear" />
							</button>
						</li>
					))}
				</ul>
			</div>
		</Modal>
	);
}

export default function ListExtras() {
	return (
		<>
			<RowMenu />
			<NoteDialog />
			<ColumnsDialog />
			<SavedDialog />
		</>
	);
}
