"""The completion script of bash. zsh reads it too, by its `bashcompinit`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import Template

from journeyman.cli.completion.tree import Place, Value

_SCRIPT = Template(r"""# Completion of journeyman. It was made by `journeyman completion $shell`.
$prelude
_journeyman_values() {
  case "$$1" in
    names:*) COMPREPLY=($$(compgen -W "$$(journeyman completion --names "$${1#names:}" 2>/dev/null)" -- "$$2")) ;;
    words:*) COMPREPLY=($$(compgen -W "$${1#words:}" -- "$$2")) ;;
    files) COMPREPLY=($$(compgen -f -- "$$2")); compopt -o filenames 2>/dev/null ;;
  esac
}

_journeyman() {
  local cur="$${COMP_WORDS[COMP_CWORD]}" place="" position=0 expects="" word i
  local commands="" options="" values=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="$${COMP_WORDS[i]}"
    if [[ -n "$$expects" ]]; then expects=""; continue; fi
    case "$${place:+$$place }$$word" in
$places
      *)
        case "$$place $$word" in
$expecting
          *" -"*) ;;
          *) position=$$((position + 1)) ;;
        esac ;;
    esac
  done
  COMPREPLY=()
  if [[ -n "$$expects" ]]; then _journeyman_values "$$expects" "$$cur"; return; fi
  case "$$place" in
$tables
  esac
  if [[ "$$cur" == -* ]]; then
    COMPREPLY=($$(compgen -W "$$options" -- "$$cur"))
  elif [[ -n "$$commands" && $$position -eq 0 ]]; then
    COMPREPLY=($$(compgen -W "$$commands" -- "$$cur"))
  else
    _journeyman_values "$${values[position]:-}" "$$cur"
  fi
}

complete -F _journeyman journeyman
""")
_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def bash_script(places: Sequence[Place], *, zsh: bool = False) -> str:
    """Return the script for bash, or for zsh."""
    return _SCRIPT.substitute(
        shell="zsh" if zsh else "bash",
        prelude=_ZSH if zsh else "",
        places="\n".join(
            f'      "{name}") place="{name}"; position=0 ;;' for place in places if (name := _name(place))
        ),
        expecting="\n".join(_expecting(places)),
        tables="\n".join(map(_table, places)),
    )


def _name(place: Place) -> str:
    return " ".join(place.path)


def _expecting(places: Iterable[Place]) -> Iterable[str]:
    """Yield a pattern for each option that takes a value, with the values."""
    for place in places:
        for option in place.options:
            if option.value is not None:
                yield f'          "{_name(place)} {option.name}") expects="{_values(option.value)}" ;;'


def _table(place: Place) -> str:
    options = " ".join(option.name for option in place.options)
    values = " ".join(f'"{_values(value)}"' for value in place.arguments)
    return f'    "{_name(place)}") commands="{" ".join(place.commands)}"; options="{options}"; values=({values}) ;;'


def _values(value: Value) -> str:
    """Return how the script names these values. `any`: the shell cannot know them."""
    if value.names:
        return f"names:{value.names}"
    if value.words:
        return f"words:{' '.join(value.words)}"
    return "files" if value.files else "any"
