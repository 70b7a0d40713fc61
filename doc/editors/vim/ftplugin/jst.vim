" Scripts of jstrace: the layout of jstrace --fmt; gggqG has it do the whole script.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal commentstring=#\ %s
setlocal comments=s1:/*,mb:*,ex:*/,://,:#
setlocal expandtab shiftwidth=2 softtabstop=2
if executable('jstrace')
  setlocal formatprg=jstrace\ --fmt\ -
endif

let b:undo_ftplugin = 'setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< formatprg<'
