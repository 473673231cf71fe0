#!/usr/bin/env python3
"""Draws dumps of the slab heap as one HTML page that needs nothing else.

A dump is a line of JSON (heap/dump.hpp): a program under libslab writes one when it ends with
SLAB_HEAPMAP=file, and whenever it calls slab_dump. Several lines become frames of a scrubber.
"""

import argparse
import json
import pathlib
import sys

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Heap map: @TITLE@</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1100px;
  color: #1f2933; }
h1 { font-size: 1.3rem; margin: 0; } p { margin: .3rem 0 1rem; color: #52606d; }
svg { width: 100%; height: auto; border: 1px solid #e4e7eb; background: #f8fafc; }
.bars { display: grid; grid-template-columns: 5rem 1fr 21rem; gap: 2px 10px; margin-top: 1rem; }
.bars div { white-space: nowrap; } .bars .n { text-align: right; color: #52606d; }
.bar { background: #e4e7eb; height: 1.05em; margin-top: 2px; } .bar i { display: block; height: 100%; }
#scrub { width: 100%; margin: 0; } #time { height: 90px; display: block; margin-top: .6rem; cursor: pointer; }
#time[hidden] { display: none; }
.key span { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em;
vertical-align: -1px; border: 1px solid #cbd2d9; }
</style></head><body>
<h1>Heap map: @TITLE@</h1><p id="line"></p>
<svg id="time" xmlns="http://www.w3.org/2000/svg" preserveAspectRatio="none"></svg>
<input id="scrub" type="range" min="0" value="0" step="1" aria-label="dump">
<p class="key several">Over time, a column a dump: <span style="background:#475569"></span>blocks in use
<span style="background:#f97316"></span>free blocks, rounding, metadata
<span style="background:#fde68a"></span>free, pages held</p>
<svg id="map" xmlns="http://www.w3.org/2000/svg"></svg>
<p class="key">A cell is a unit of @UNIT@ KiB; its colour is its size class, filled from below as its blocks
are in use.
<span style="background:hsl(210 12% 48%)"></span>mixed sizes, where few of a class were left
<span style="background:#1e293b"></span>large <span style="background:#a78bfa"></span>the heap's own
<span style="background:#fde68a"></span>free, pages held
<span style="background:#fff"></span>free, pages returned</p>
<div class="bars" id="classes"></div>
<script>
const dumps = @DUMPS@;
const columns = 96, cell = 11;
const hue = bytes => Math.round(Math.log2(bytes / 8 + 1) * 47) % 360;
const isSlab = kind => kind === 'slab' || kind === 'mixed';
// Of a class's blocks; of mixed sizes where there is none.
const colour = (bytes, light) => bytes === 0 ? `hsl(210 12% ${light}%)` : `hsl(${hue(bytes)} 62% ${light}%)`;
const size = n => n >= 1048576 ? (n / 1048576).toFixed(1) + ' MiB' : Math.round(n / 1024) + ' KiB';
function rect(x, y, w, h, fill, title) {
  return `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${fill}">` +
         (title ? `<title>${title}</title>` : '') + '</rect>';
}
function totals(d) {
  const sum = {held: d.metadata_bytes, used: 0, kept: 0, classes: new Map()};
  for (const [first, units, kind, bytes, inUse, capacity, pages] of d.map) {
    sum.held += pages * d.page_bytes;
    if (isSlab(kind)) {
      const size = kind === 'mixed' ? 0 : bytes;
      sum.used += inUse * bytes;
      const c = sum.classes.get(size) || {slabs: 0, inUse: 0, blocks: 0, pages: 0};
      c.slabs++; c.inUse += inUse; c.blocks += capacity; c.pages += pages; sum.classes.set(size, c);
    } else if (kind === 'large') sum.used += pages * d.page_bytes;
    else if (kind === 'free') sum.kept += pages * d.page_bytes;
  }
  return sum;
}
// A column for each dump: blocks in use, what else slabs hold, free pages not returned.
function drawTime(chosen) {
  const sums = dumps.map(totals), most = Math.max(...sums.map(s => s.held));
  const svg = document.getElementById('time');
  svg.setAttribute('viewBox', `0 0 ${dumps.length} 100`);
  svg.innerHTML = sums.map((s, i) => {
    const height = n => n / most * 96, used = height(s.used), kept = height(s.kept), all = height(s.held);
    const title = `Dump ${i + 1}: ${size(s.held)} held, ${size(s.used)} in use`;
    return rect(i, 0, 1, 100, i === chosen ? '#dbeafe' : '#f8fafc', title) +
           rect(i + .1, 100 - used, .8, used, '#475569', title) +
           rect(i + .1, 100 - all + kept, .8, all - used - kept, '#f97316', title) +
           rect(i + .1, 100 - all, .8, kept, '#fde68a', title);
  }).join('');
}
function draw(index) {
  const d = dumps[index], rows = Math.ceil(d.units / columns), parts = [];
  const {held, used, kept, classes} = totals(d);
  for (const [first, units, kind, bytes, inUse, capacity, pages] of d.map) {
    const share = isSlab(kind) ? inUse / capacity : 1, hues = kind === 'mixed' ? 0 : bytes;
    const title = kind === 'slab' ? `${bytes} bytes: ${inUse} of ${capacity} blocks, ${pages} pages`
                : kind === 'mixed' ? `mixed sizes: ${size(inUse * bytes)} in use, ${pages} pages`
                : `${kind}: ${units} units, ${pages} pages`;
    for (let u = first; u < first + units; u++) {
      const x = u % columns * cell, y = Math.floor(u / columns) * cell, s = cell - 1;
      if (isSlab(kind)) {
        parts.push(rect(x, y, s, s, colour(hues, 88), title));
        parts.push(rect(x, y + s * (1 - share), s, s * share, colour(hues, 48), title));
      } else parts.push(rect(x, y, s, s, kind === 'large' ? '#1e293b' : kind === 'own' ? '#a78bfa'
                              : pages ? '#fde68a' : '#fff', title));
    }
  }
  const map = document.getElementById('map');
  map.setAttribute('viewBox', `-4 -4 ${columns * cell + 7} ${rows * cell + 7}`);
  map.innerHTML = parts.join('');
  document.getElementById('line').textContent =
    (dumps.length > 1 ? `Dump ${index + 1} of ${dumps.length}. ` : '') +
    `${size(held)} held: ${size(used)} in blocks in use, ${size(kept)} free and not returned, ` +
    `${size(held - used - kept)} in free blocks, rounding and metadata (${size(d.metadata_bytes)}).`;
  document.getElementById('classes').innerHTML = [...classes].sort((a, b) => a[0] - b[0]).map(([bytes, c]) =>
    `<div class="n">${bytes === 0 ? 'mixed' : bytes + ' B'}</div>` +
    `<div class="bar"><i style="width:${100 * c.inUse / c.blocks}%;` +
    `background:${colour(bytes, 48)}"></i></div><div>` +
    (bytes === 0 ? `${size(c.inUse * 16)} of ${size(c.blocks * 16)}, ${c.slabs} slabs, `
                 : `${c.inUse} of ${c.blocks} blocks, ${c.slabs} slabs, `) +
    `${size(c.pages * d.page_bytes)}</div>`).join('');
}
// page.html#2 shows the second dump.
const scrub = document.getElementById('scrub'), time = document.getElementById('time');
const show = index => { scrub.value = index; draw(index); drawTime(index); };
scrub.max = dumps.length - 1; scrub.hidden = dumps.length < 2;
time.toggleAttribute('hidden', dumps.length < 2);
document.querySelectorAll('.several').forEach(e => { e.hidden = dumps.length < 2; });
scrub.oninput = () => show(+scrub.value);
time.onclick = e => show(Math.min(dumps.length - 1, Math.floor(e.offsetX / time.clientWidth * dumps.length)));
const wanted = () => Math.min(dumps.length, Math.max(1, +location.hash.slice(1) || dumps.length)) - 1;
onhashchange = () => show(wanted());
show(wanted());
</script></body></html>
"""


def read_dumps(path: pathlib.Path) -> list[dict]:
    """Every line that is a dump; says which line is not one."""
    dumps = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.startswith("{"):
            continue  # what else a console says
        try:
            dump = json.loads(line)
            dumps.append({key: dump[key] for key in ("unit_bytes", "page_bytes", "units",
                                                     "metadata_bytes", "map")})
        except (json.JSONDecodeError, KeyError) as error:
            sys.exit(f"heapmap: {path}, line {number} is no dump of the heap: {error}")
    return dumps


def main() -> int:
    """Reads dumps, writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("dump", type=pathlib.Path, help="file of dumps, one a line")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="page to write (default: dump.html)")
    arguments = parser.parse_args()
    if not arguments.dump.exists():
        parser.error(f"there is no {arguments.dump}; SLAB_HEAPMAP={arguments.dump} makes one")
    dumps = read_dumps(arguments.dump)
    if not dumps:
        parser.error(f"{arguments.dump} has no dump in it")
    output = arguments.output or arguments.dump.with_suffix(".html")
    page = (PAGE.replace("@TITLE@", output.stem).replace("@UNIT@", str(dumps[0]["unit_bytes"] >> 10))
            .replace("@DUMPS@", json.dumps(dumps)))
    output.write_text(page, encoding="utf-8")
    print(f"{output}: {len(dumps)} dump{'s' if len(dumps) != 1 else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
