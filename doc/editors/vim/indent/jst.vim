" Scripts of jstrace: a level deeper behind a line that ends in '{', back at '}'.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=JstIndent(v:lnum)
setlocal indentkeys=0},!^F,o,O

let b:undo_indent = 'setlocal indentexpr< indentkeys<'

if exists('*JstIndent')
  finish
endif

function JstIndent(number)
  let l:previous = prevnonblank(a:number - 1)
  if l:previous == 0
    return 0
  endif
  let l:indent = indent(l:previous)
  if getline(l:previous) =~# '{\s*\%(\%(#\|//\|/\*\).*\)\?$'
    let l:indent += shiftwidth()
  endif
  if getline(a:number) =~# '^\s*}'
    let l:indent -= shiftwidth()
  endif
  return l:indent
endfunction
