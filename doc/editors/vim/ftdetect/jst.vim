" Scripts of jstrace: by their name, or by their first line.
autocmd BufRead,BufNewFile *.jst setfiletype jst
autocmd BufRead * if getline(1) =~# '^#!.*\<jstrace\>' | setfiletype jst | endif
