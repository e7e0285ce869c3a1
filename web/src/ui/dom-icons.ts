// SPDX-License-Identifier: Apache-2.0
// Icons for what is built without Preact.

const SVG = "http://www.w3.org/2000/svg";

export function lockIcon(): SVGElement {
	const svg = document.createElementNS(SVG, "svg");
	svg.setAttribute("viewBox", "0 0 16 16");
	svg.setAttribute("class", "icon lock");
	svg.setAttribute("aria-hidden", "true");
	const path = document.createElementNS(SVG, "path");
	path.setAttribute("d", "M5 7V5a3 3 0 0 1 6 0v2M3.8 7h8.4v6.2H3.8z");
	svg.append(path);
	return svg;
}
