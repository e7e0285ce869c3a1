// SPDX-License-Identifier: Apache-2.0
// Style sheets below style/lazy come as text with the code that adopts them (build.mjs).
declare module "*.css" {
	const text: string;
	export default text;
}
