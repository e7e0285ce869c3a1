// SPDX-License-Identifier: Apache-2.0
// A list of any length on a few dozen elements: rows of one height that are drawn again as they scroll.
//
// Browsers limit the height of an element, so the spacer that makes the scroll bar is capped.  Above the
// cap the position is kept here in rows, wheel and keys move by rows, and the scroll bar is for jumps.

export interface RecyclerSource {
	count(): number;
	create(): HTMLElement;
	draw(el: HTMLElement, index: number): void;
	/* The person scrolled; atEnd: to the last row. */
	scrolled?(up: boolean, atEnd: boolean): void;
	/* The window changed its height. */
	resized?(): void;
	/* The rows on screen are [from, to). */
	window?(from: number, to: number): void;
}

const SPACER_MAX = 8_000_000;
const OVERSCAN = 6;
const WHEEL_ROWS = 3;

export class Recycler {
	/* Pixels above the first visible pixel, as if the spacer had no cap. */
	private top = 0;
	private expected = 0; /* the scrollTop set from here */
	private pool: { el: HTMLElement; index: number }[] = [];
	private spacer = document.createElement("div");
	private queued = false;
	private count = 0;
	private observer: ResizeObserver;
	private lastHeight = 0;

	/* head: height of what sticks to the top of `port`, above the rows. */
	constructor(
		readonly port: HTMLElement,
		private canvas: HTMLElement,
		readonly rowHeight: number,
		private src: RecyclerSource,
		private head = 0,
	) {
		this.spacer.className = "rec-spacer";
		this.spacer.setAttribute("role", "presentation");
		canvas.append(this.spacer);
		port.addEventListener("scroll", this.onScroll, { passive: true });
		port.addEventListener("wheel", this.onWheel, { passive: false });
		this.observer = new ResizeObserver(() => this.resized());
		this.observer.observe(port);
	}

	destroy(): void {
		this.observer.disconnect();
		this.port.removeEventListener("scroll", this.onScroll);
		this.port.removeEventListener("wheel", this.onWheel);
	}

	/* Rows that fit entirely. */
	get page(): number {
		return Math.max(1, Math.floor(this.height / this.rowHeight));
	}
	get first(): number {
		return Math.floor(this.top / this.rowHeight);
	}
	get atEnd(): boolean {
		return this.top >= this.maxTop - 2;
	}
	get scaled(): boolean {
		return this.count * this.rowHeight > SPACER_MAX;
	}

	/* Pixels from the top of the window to a row. */
	offsetOf(index: number): number {
		return index * this.rowHeight - this.top;
	}

	/* Puts a row at that many pixels from the top. */
	place(index: number, offset: number): void {
		this.count = this.src.count();
		this.moveTo(index * this.rowHeight - offset);
	}

	toEnd(): void {
		this.count = this.src.count();
		this.moveTo(this.maxTop);
	}

	/* Rows went away at the front: what is on screen stays where it is. */
	shift(rows: number): void {
		this.count = this.src.count();
		this.moveTo(this.top - rows * this.rowHeight);
		for (const p of this.pool) p.index = -1;
	}

	/* The least movement that shows a row entirely. */
	reveal(index: number): void {
		this.count = this.src.count();
		const y = index * this.rowHeight;
		if (y < this.top) this.moveTo(y);
		else if (y + this.rowHeight > this.top + this.height) this.moveTo(y + this.rowHeight - this.height);
		else this.redraw();
	}

	elementOf(index: number): HTMLElement | null {
		return this.pool.find((p) => p.index === index)?.el ?? null;
	}

	/* Rows are made anew: they consist of something else now. */
	rebuild(): void {
		while (this.pool.length) this.pool.pop()!.el.remove();
		this.paint(true);
	}

	/* Draws everything on screen again, in the next frame. */
	redraw(): void {
		if (this.queued) return;
		this.queued = true;
		requestAnimationFrame(() => {
			this.queued = false;
			this.paint(true);
		});
	}

	private get height(): number {
		return Math.max(0, this.port.clientHeight - this.head);
	}
	private get spacerHeight(): number {
		return Math.min(this.count * this.rowHeight, SPACER_MAX);
	}
	private get maxTop(): number {
		return Math.max(0, this.count * this.rowHeight - this.height);
	}
	private get maxScroll(): number {
		return Math.max(0, this.spacerHeight - this.height);
	}

	/* all: draw also the rows that stay on screen. */
	private moveTo(top: number, all = true): void {
		this.top = Math.max(0, Math.min(top, this.maxTop));
		this.paint(all);
	}

	private resized(): void {
		const was = this.lastHeight;
		if (!this.port.clientHeight) return; /* hidden */
		this.lastHeight = this.height;
		/* A list at its end stays there when the window changes. */
		if (was && this.top >= this.count * this.rowHeight - was - 2) this.top = this.maxTop;
		this.src.resized?.(); /* still knows what was on screen */
		this.paint(true);
	}

	private onScroll = (): void => {
		if (!this.port.clientHeight) return;
		/* The browser moved it, since the window is of another height now (a banner came or went): not the person. */
		if (this.height !== this.lastHeight) return this.resized();
		const s = this.port.scrollTop;
		if (Math.abs(s - this.expected) < 1) return;
		const before = this.top;
		this.expected = s;
		this.top = this.scaled ? (this.maxScroll ? (s / this.maxScroll) * this.maxTop : 0) : Math.min(s, this.maxTop);
		this.paint(false);
		this.src.scrolled?.(this.top < before, this.atEnd);
	};

	private onWheel = (e: WheelEvent): void => {
		if (e.ctrlKey || e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) return;
		if (this.scaled) {
			e.preventDefault();
			const notch = e.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? e.deltaY / 100 : e.deltaMode === WheelEvent.DOM_DELTA_LINE ? e.deltaY / 3 : e.deltaY * 10;
			this.moveTo(this.top + notch * WHEEL_ROWS * this.rowHeight, false);
		} else if (!(e.deltaY > 0 && this.atEnd)) return;
		this.src.scrolled?.(e.deltaY < 0, this.atEnd);
	};

	private paint(all: boolean): void {
		const n = this.src.count();
		if (n !== this.count) {
			this.count = n;
			this.top = Math.min(this.top, this.maxTop);
		}
		const px = `${this.spacerHeight}px`;
		if (this.spacer.style.height !== px) this.spacer.style.height = px;
		const want = this.scaled ? (this.maxTop ? (this.top / this.maxTop) * this.maxScroll : 0) : this.top;
		if (Math.abs(this.port.scrollTop - want) >= 1) this.port.scrollTop = want;
		this.expected = this.port.scrollTop;

		const visible = Math.ceil(this.height / this.rowHeight) + 1;
		const size = visible + 2 * OVERSCAN;
		if (this.pool.length !== size) this.resize(size);
		const from = Math.max(0, this.first - OVERSCAN);
		const to = Math.min(n, from + size);
		for (let i = from; i < from + size; i++) {
			const p = this.pool[i % size]!;
			if (i >= to) {
				p.index = -1;
				p.el.hidden = true;
				continue;
			}
			const moved = p.index !== i;
			if (moved || all) {
				p.index = i;
				p.el.hidden = false;
				this.src.draw(p.el, i);
			}
			if (moved || all || this.scaled) {
				const y = this.scaled ? this.port.scrollTop + i * this.rowHeight - this.top : i * this.rowHeight;
				p.el.style.transform = `translateY(${y}px)`;
			}
		}
		this.src.window?.(Math.max(0, this.first), Math.min(n, this.first + visible));
	}

	private resize(size: number): void {
		while (this.pool.length > size) this.pool.pop()!.el.remove();
		while (this.pool.length < size) {
			const el = this.src.create();
			el.hidden = true;
			this.canvas.append(el);
			this.pool.push({ el, index: -1 });
		}
		for (const p of this.pool) {
			p.index = -1;
			p.el.hidden = true;
		}
	}
}
