"""Faults injected into the whole running system, and a checker that judges from outside what became of its promises."""
