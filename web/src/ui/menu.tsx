// SPDX-License-Identifier: Apache-2.0
// A button that opens a short list of actions.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons";

export interface MenuItem {
	label: string;
	key?: string;
	disabled?: boolean;
	run: () => void;
}

export function Menu({ label, items, children }: { label: string; items: MenuItem[]; children: ComponentChildren }) {
	const [open, setOpen] = useState(false);
	const box = useRef<HTMLDivElement>(null);
	const button = useRef<HTMLButtonElement>(null);
	useEffect(() => {
		if (!open) return;
		box.current?.querySelector<HTMLElement>('[role="menuitem"]:not(:disabled)')?.focus();
		const away = (e: PointerEvent) => {
			if (!box.current?.contains(e.target as Node)) setOpen(false);
		};
		document.addEventListener("pointerdown", away);
		return () => document.removeEventListener("pointerdown", away);
	}, [open]);
	const onKey = (e: KeyboardEvent) => {
		if (!open) return;
		const all = [...box.current!.querySelectorAll<HTMLElement>('[role="menuitem"]:not(:disabled)')];
		const i = all.indexOf(document.activeElement as HTMLElement);
		if (e.key === "Escape" || e.key === "Tab") {
			setOpen(false);
			if (e.key === "Escape") button.current?.focus();
		} else if (e.key === "ArrowDown") all[(i + 1) % all.length]?.focus();
		else if (e.key === "ArrowUp") all[(i + all.length - 1) % all.length]?.focus();
		else if (e.key !== "Enter" && e.key !== " ") return;
		e.stopPropagation();
		if (e.key.startsWith("Arrow") || e.key === "Escape") e.preventDefault();
	};
	return (
		<div class="menu" ref={box} onKeyDown={onKey}>
			<button ref={button} class="btn small" aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)}>
				{children}
				<Icon name="more" />
			</button>
			{open && (
				<div class="menu-list" role="menu" aria-label={label}>
					{items.map((it) => (
						<button
							role="menuitem"
							tabIndex={-1}
							disabled={it.disabled}
							onClick={() => {
								setOpen(false);
								button.current?.focus();
								it.run();
							}}
						>
							<span>{it.label}</span>
							{it.key && <kbd>{it.key}</kbd>}
						</button>
					))}
				</div>
			)}
		</div>
	);
}
