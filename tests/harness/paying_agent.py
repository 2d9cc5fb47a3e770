"""The files of an agent that asks before it pays."""

from __future__ import annotations

AGENT = """\
type: react_agent
name: desk
model: script:turns.yaml
tools: [{name: pay, approval: always}]
"""
TURNS = "- {tool_calls: [{name: pay, arguments: {amount: 5}}]}\n- {text: 'It is paid.'}\n"
