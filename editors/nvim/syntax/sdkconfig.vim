" Names, values and comments, as in other files of settings.
runtime! syntax/conf.vim
