// SPDX-License-Identifier: Apache-2.0

export default function SQLPage() {
	return (
		<main class="page" aria-label="SQL">
			<p class="empty muted">Nothing is shown here yet.</p>
		</main>
	);
}
