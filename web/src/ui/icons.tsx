// SPDX-License-Identifier: Apache-2.0
// Our own icons: 16 px, drawn with the text's colour, never the only bearer of a meaning.

const PATHS = {
	search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.4 10.4l3.1 3.1",
	close: "M4 4l8 8M12 4l-8 8",
	pause: "M5.5 3.5v9M10.5 3.5v9",
	play: "M5 3.2v9.6l7.5-4.8z",
	clear: "M3 4.5h10M6.2 4.5V3h3.6v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5M6.7 7v3.8M9.3 7v3.8",
	boxes: "M2.5 5.2L8 2.5l5.5 2.7v5.6L8 13.5l-5.5-2.7zM2.5 5.2L8 8l5.5-2.8M8 8v5.5",
	ok: "M3 8.5l3.3 3.3L13 4.8",
	info: "M8 7.2v4.3M8 4.5v.4",
	warn: "M8 2.5l6 10.8H2zM8 6.5v3.2M8 11.4v.3",
	fail: "M4 4l8 8M12 4l-8 8",
	wait: "M3.5 8h.2M7.9 8h.2M12.3 8h.2",
	copy: "M5.5 5.5h7.5v7.5H5.5zM10.5 5.5V3H3v7.5h2.5",
	more: "M4 6l4 4 4-4",
	right: "M6 4l4 4-4 4",
	again: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v3h-3",
	columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
	down: "M8 3v9.5M4 8.7l4 3.8 4-3.8",
	arrow: "M2.5 8h10.5M9.2 4.2L13 8l-3.8 3.8",
	dockRight: "M2.5 3h11v10h-11zM9.5 3v10",
	dockBottom: "M2.5 3h11v10h-11zM2.5 9h11",
	grow: "M9.5 3H13v3.5M6.5 13H3V9.5M13 3L9 7M3 13l4-4",
	shrink: "M13 7H9.5V3.5M3 9h3.5v3.5M9.5 7L13.5 3M6.5 9l-4 4",
	sun: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
	moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z",
	screen: "M2.5 3h11v7.5h-11zM6 13.2h4M8 10.5v2.7",
	help: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4M8 11.7v.3",
	plus: "M8 3.5v9M3.5 8h9",
	lock: "M5 7V5a3 3 0 0 1 6 0v2M3.8 7h8.4v6.2H3.8z",
	download: "M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13.2h10",
	key: "M10.5 2.5a3 3 0 1 1-2.5 4.7L3.5 11.7v1.8h2v-1.5h1.5V10.5l1.3-1.3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, class: cls = "" }: { name: IconName; class?: string }) {
	return (
		<svg class={`icon icon-${name} ${cls}`} viewBox="0 0 16 16" aria-hidden="true">
			<path d={PATHS[name]} />
		</svg>
	);
}

/* The drop of the name. */
export function Logo() {
	return (
		<svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
			<path class="logo-drop" d="M16 2.5c4.6 5.7 9.5 11 9.5 17.1a9.5 9.5 0 0 1-19 0C6.5 13.5 11.4 8.2 16 2.5z" />
			<path class="logo-glint" d="M11 20.2a5.2 5.2 0 0 0 4.6 5" />
		</svg>
	);
}
