// SPDX-License-Identifier: Apache-2.0

export default function MetricsPage() {
	return (
		<main class="page" aria-label="Metrics">
			<p class="empty muted">Nothing is shown here yet.</p>
		</main>
	);
}
