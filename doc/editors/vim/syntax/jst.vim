" Scripts of jstrace.
"
" Between clauses a word is a probe pattern, in a predicate and in a body it is a name: so the three are regions.
" The words of the language stand in the lists below, one list a line.
if exists('b:current_syntax')
  finish
endif

syntax case match
syntax sync fromstart

let s:definitions = 'fn import const arg'
let s:keywords = 'if else while for in break continue return delete emit self'
let s:constants = 'true false nil'
let s:variables = 'now nsecs timestamp elapsed name probe probename pid tid cpu uid title execname comm hostname file line'
let s:functions = 'strlen substr strstr strcontains starts_with ends_with lower upper trim str int float abs min max log2 sqrt floor ceil round rand has hash cat basename dirname stack quantile open'
let s:actions = 'printf print printa clear zero time exit speculate commit discard'
let s:aggregations = 'count sum min max avg stats stddev hist quantize lhist lquantize quantiles distinct rate last'
let s:specials = 'BEGIN END process:attach process:exit'
let s:units = 'ns us ms s m h B kB MB GB TB KiB MiB GiB TiB'
let s:periods = 'us ms s m h hz'

function s:alternatives(words)
  return '\%(' . join(split(a:words), '\|') . '\)'
endfunction

" ---- what stands between clauses ----

syntax match jstPattern /[A-Za-z0-9_.:@$*?-]\+\|\[!\?[A-Za-z0-9_.:@$-]\+\]/
execute 'syntax match jstSpecial /[A-Za-z0-9_.:@$*?-]\@1<!' . s:alternatives(s:specials) . '[A-Za-z0-9_.:@$*?-]\@!/'
syntax match jstSpecial /[A-Za-z0-9_.:@$*?-]\@1<!process:\*[A-Za-z0-9_.:@$*?-]\@!/
execute 'syntax match jstSpecial /[A-Za-z0-9_.:@$*?-]\@1<!tick-\d\+' . s:alternatives(s:periods) . '[A-Za-z0-9_.:@$*?-]\@!/'
execute 'syntax match jstSpecial /[A-Za-z0-9_.:@$*?-]\@1<!interval:' . s:alternatives(s:periods) . ':\d\+[A-Za-z0-9_.:@$*?-]\@!/'

syntax region jstPredicate matchgroup=jstDelimiter start=+/+ end=+/+ contains=@jstCode,jstHash
syntax region jstBody matchgroup=jstDelimiter start=/{/ end=/}/ contains=@jstCode,@jstComment,jstBlock fold
" In such a body '>=', '>>' and '>>=' are operators.
syntax region jstBody matchgroup=jstDelimiter start=/</ end=/>\@1<!>[>=]\@!/ contains=@jstCode,@jstComment,jstBlock fold

execute 'syntax region jstDefinition matchgroup=jstDefine start=/[A-Za-z0-9_.:@$*?-]\@1<!' . s:alternatives(s:definitions) . '[A-Za-z0-9_.:@$*?-]\@!/ end=/;/ end=/{/me=s-1 contains=@jstCode,@jstComment'

" ---- what stands in a predicate or a body ----

syntax region jstBlock contained matchgroup=jstDelimiter start=/{/ end=/}/ contains=@jstCode,@jstComment,jstBlock fold
syntax region jstParentheses contained transparent start=/(/ end=/)/ contains=@jstCode,@jstComment
syntax region jstBrackets contained transparent start=/\[/ end=/\]/ contains=@jstCode,@jstComment

syntax match jstField contained /\<\h\w*\%(\.\h\w*\)*/
execute 'syntax match jstVariable contained /\<' . s:alternatives(s:variables) . '\>\.\@!/'
execute 'syntax match jstFunction contained /\<' . s:alternatives(s:functions) . '\ze\s*(/'
execute 'syntax match jstAction contained /\<' . s:alternatives(s:actions) . '\ze\s*(/'
execute 'syntax match jstAggregation contained /\%(@\w*\%(\[[^]]*\]\)\?\s*=\s*\)\@80<=' . s:alternatives(s:aggregations) . '\ze\s*(/'
execute 'syntax match jstKeyword contained /\<' . s:alternatives(s:keywords) . '\>\.\@!/'
execute 'syntax match jstConstant contained /\<' . s:alternatives(s:constants) . '\>\.\@!/'
syntax match jstSelf contained /\<self\.\h\w*\>\.\@!/
syntax match jstLocal contained /\$\h\w*\|\$\d\+\|\$#/
syntax match jstAggregate contained /@\w*/
execute 'syntax match jstNumber contained /\<\d[0-9_]*\%(\.\d[0-9_]*\)\?\%([eE][+-]\?\d\+\)\?' . s:alternatives(s:units) . '\?\>/'
syntax match jstNumber contained /\<0x[0-9A-Fa-f_]\+\>\|\<0b[01_]\+\>/

syntax cluster jstCode contains=jstParentheses,jstBrackets,jstField,jstVariable,jstFunction,jstAction,jstAggregation,jstKeyword,jstConstant,jstSelf,jstLocal,jstAggregate,jstNumber,jstString

" ---- everywhere ----

syntax region jstString start=/"/ skip=/\\./ end=/"/ end=/$/ contains=jstEscape,jstFormat oneline
syntax match jstEscape contained /\\\%(x\x\x\|.\)/
syntax match jstFormat contained /%[-+ #0]*\%(\*\|\d\+\)\?\%(\.\%(\*\|\d\+\)\)\?[hlzjt]*[diuxXocsfeEgGtTbv%]/

syntax match jstHash /#.*/ contains=@Spell
syntax match jstSlashes +//.*+ contains=@Spell
syntax region jstStars start=+/\*+ end=+\*/+ contains=@Spell fold
syntax cluster jstComment contains=jstHash,jstSlashes,jstStars

highlight default link jstPattern Identifier
highlight default link jstSpecial PreProc
highlight default link jstDelimiter Delimiter
highlight default link jstDefine Define
highlight default link jstVariable Special
highlight default link jstFunction Function
highlight default link jstAction Function
highlight default link jstAggregation Type
highlight default link jstKeyword Statement
highlight default link jstConstant Constant
highlight default link jstSelf Identifier
highlight default link jstLocal Identifier
highlight default link jstAggregate Identifier
highlight default link jstNumber Number
highlight default link jstString String
highlight default link jstEscape SpecialChar
highlight default link jstFormat SpecialChar
highlight default link jstHash Comment
highlight default link jstSlashes Comment
highlight default link jstStars Comment

let b:current_syntax = 'jst'
