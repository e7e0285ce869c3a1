// SPDX-License-Identifier: Apache-2.0
// The line between list and detail: dragged, or moved with the arrow keys.
import { signal } from "@preact/signals";

export type Dock = "bottom" | "right";
const KEY = "limpid.detail";

interface Saved {
	dock: Dock | null; /* null: as the window suggests */
	bottom: number; /* part of the space, per cent */
	right: number;
}

function load(): Saved {
	try {
		const v = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Saved>;
		const part = (n: unknown, d: number) => (typeof n === "number" && n >= 15 && n <= 85 ? n : d);
		return { dock: v.dock === "bottom" || v.dock === "right" ? v.dock : null, bottom: part(v.bottom, 52), right: part(v.right, 42) };
	} catch {
		return { dock: null, bottom: 52, right: 42 };
	}
}

const saved = signal(load());
export const wide = signal(innerWidth >= 1600);
addEventListener("resize", () => (wide.value = innerWidth >= 1600));
export const maximised = signal(false);
export const dock = () => saved.value.dock ?? (wide.value ? "right" : "bottom");
export const part = () => saved.value[dock()];

function save(change: Partial<Saved>): void {
	saved.value = { ...saved.peek(), ...change };
	try {
		localStorage.setItem(KEY, JSON.stringify(saved.peek()));
	} catch {
		/* lasts as long as the tab */
	}
}

export function turnDock(): void {
	maximised.value = false;
	save({ dock: dock() === "right" ? "bottom" : "right" });
}

export function Splitter({ box }: { box: { current: HTMLElement | null } }) {
	const d = dock();
	const set = (v: number) => save({ [d]: Math.min(85, Math.max(15, v)) });
	return (
		<div
			class={`splitter ${d}`}
			role="separator"
			tabIndex={0}
			aria-label="Size of the detail"
			aria-orientation={d === "right" ? "vertical" : "horizontal"}
			aria-valuenow={Math.round(part())}
			aria-valuemin={15}
			aria-valuemax={85}
			onKeyDown={(e) => {
				const grow = d === "right" ? e.key === "ArrowLeft" : e.key === "ArrowUp";
				const shrink = d === "right" ? e.key === "ArrowRight" : e.key === "ArrowDown";
				if (!grow && !shrink) return;
				e.preventDefault();
				e.stopPropagation();
				set(part() + (grow ? 3 : -3));
			}}
			onPointerDown={(e) => {
				e.preventDefault();
				const el = e.currentTarget as HTMLElement;
				el.setPointerCapture(e.pointerId);
				const r = box.current!.getBoundingClientRect();
				const move = (m: PointerEvent) => set(d === "right" ? ((r.right - m.clientX) / r.width) * 100 : ((r.bottom - m.clientY) / r.height) * 100);
				el.addEventListener("pointermove", move);
				el.addEventListener("lostpointercapture", () => el.removeEventListener("pointermove", move), { once: true });
			}}
		/>
	);
}
