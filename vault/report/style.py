"""The style sheet of the HTML report: light and dark by the reader's preference, and for paper. Data only."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #59636e; --rule: #d1d9e0;
  --bar: #2f6fb2; --hollow: #2f6fb2; --band0: #e8eef3; --band1: #d6dee6; --band2: #c0cbd6; --band3: #a7b5c3;
  --fail: #a40e26; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e6ebf0; --soft: #9aa6b2;
  --rule: #38414b; --bar: #6cabea; --hollow: #6cabea;
  --band0: #222931; --band1: #2d3640; --band2: #3a4550; --band3: #4b5865;
  --fail: #ff8f8f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; border-bottom: 1px solid var(--rule); padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { margin: .4rem 0; }
.soft, caption { color: var(--soft); }
.creed { font-style: italic; }
.regime { font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-size: .86rem; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
  border-bottom: 1px solid var(--rule); overflow-wrap: break-word; }
th { font-weight: 600; }
.right { text-align: right; font-variant-numeric: tabular-nums; }
.short { white-space: nowrap; }
.loud { font-weight: 700; color: var(--fail); }
.wide { overflow-x: auto; }
svg.picture { display: block; width: 100%; height: auto; max-width: 760px; margin: .6rem 0; }
svg.spark { display: block; }
svg text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); white-space: pre; }
svg text.big { font-size: 17px; font-weight: 700; }
.band { stroke: var(--paper); } .band0 { fill: var(--band0); } .band1 { fill: var(--band1); }
.band2 { fill: var(--band2); } .band3 { fill: var(--band3); }
.whisker { stroke: var(--ink); stroke-width: 2.5; } .mark { fill: var(--ink); }
.bar { fill: var(--bar); } .hollow { fill: none; stroke: var(--hollow); stroke-width: 1.5; }
.line { fill: none; stroke: var(--bar); stroke-width: 1.8; }
.axis { stroke: var(--soft); } .grid { stroke: var(--rule); stroke-dasharray: 3 3; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } h2 { break-after: avoid; }
  tr, svg { break-inside: avoid; } .wide { overflow: visible; } }
"""
