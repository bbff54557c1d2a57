-- What a person has in init.lua.
vim.opt.runtimepath:prepend(vim.env.FBUILD_REPOSITORY .. '/editors/nvim')
vim.opt.statusline = ' %f%m%=%{v:lua.require("fbuild").statusline()} '
-- As Neovim 0.12 has it, where this is an older one.
if vim.env.FBUILD_TEST_NULLS then
  local decode = vim.json.decode
  vim.json.decode = function(text)
    return decode(text)
  end
end
vim.opt.swapfile = false
vim.opt.ruler = false
vim.lsp.enable('fbuild_lsp')
-- At this rate a full deploy in real time takes two minutes: it cannot be over before a test acts.
vim.lsp.config('fbuild_lsp', { settings = { fbuild = { baud = vim.g.test_baud or 9600 } } })

--- Runs a suite when Neovim has started.
---@param name string
function _G.run_suite(name)
  local here = vim.env.FBUILD_REPOSITORY .. '/editors/nvim/test/'
  package.path = here .. '?.lua;' .. package.path
  vim.schedule(function()
    local ok, err = xpcall(dofile, debug.traceback, here .. name .. '.lua')
    if not ok then
      io.stderr:write(err)
      vim.cmd('cquit 1')
    end
  end)
end
