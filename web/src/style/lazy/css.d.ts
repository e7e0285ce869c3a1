// SPDX-License-Identifier: Apache-2.0
// Style sheets below style/lazy come as text with the code that adopts them (build.mjs).
declare module "*.css" {
	const text: string;
	export default text;
}

/* Files that are fetched when they are wanted: their address, relative to the code that imports them. */
declare module "*.txt" {
	const address: string;
	export default address;
}
declare module "*.jsonl" {
	const address: string;
	export default address;
}
