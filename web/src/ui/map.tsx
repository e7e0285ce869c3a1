// SPDX-License-Identifier: Apache-2.0

export default function MapPage() {
	return (
		<main class="page" aria-label="Map">
			<p class="empty muted">Nothing is shown here yet.</p>
		</main>
	);
}
