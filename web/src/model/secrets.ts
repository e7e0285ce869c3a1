// SPDX-License-Identifier: Apache-2.0
// Headers whose value is a secret.

/* And the shell variable that stands for it in a copy. */
const SECRET = new Map<string, string>([
	["authorization", "TOKEN"],
	["proxy-authorization", "PROXY_TOKEN"],
	["cookie", "COOKIE"],
	["set-cookie", "COOKIE"],
	["x-api-key", "API_KEY"],
	["api-key", "API_KEY"],
	["x-auth-token", "AUTH_TOKEN"],
	["x-csrf-token", "CSRF_TOKEN"],
	["x-xsrf-token", "CSRF_TOKEN"],
	["x-amz-security-token", "AWS_TOKEN"],
]);

export const isSecret = (name: string): boolean => SECRET.has(name.toLowerCase());
export const secretVariable = (name: string): string | undefined => SECRET.get(name.toLowerCase());

/* The part of a secret header that may be shown: "Bearer " of "Bearer eyJ…". */
export function schemeOf(name: string, value: string): string {
	return /authorization$/i.test(name) ? (/^[A-Za-z][A-Za-z0-9-]{0,19} +/.exec(value)?.[0] ?? "") : "";
}
