-- Leaving Neovim while a board is being written is asked about, as soon as this is loaded, which is when a job has begun:
-- the board may not start afterwards.
local question = 'A board is being written, and may not start if that is left. Leave all the same?'

---@return boolean
local function is_writing()
  return vim.iter(require('fbuild.server').running()):any(function(client)
    local running = vim.tbl_values(require('fbuild.state').of(client.id).running)
    return vim.iter(running):any(function(status)
      return status.phase == 'writing' or status.phase == 'erasing'
    end)
  end)
end

--- Neovim stays where a buffer has changes. This one has them for as long as that takes.
local function stay()
  local window, shown = vim.api.nvim_get_current_win(), vim.api.nvim_get_current_buf()
  local buffer = vim.api.nvim_create_buf(false, false)
  vim.api.nvim_buf_set_name(buffer, 'a board is being written')
  vim.bo[buffer].modified = true
  -- What Neovim says of that is more than a line, after which it would wait for a key.
  vim.api.nvim_input('<Esc>')
  vim.schedule(function()
    vim.api.nvim_win_set_buf(window, shown)
    vim.api.nvim_buf_delete(buffer, { force = true })
  end)
end

vim.api.nvim_create_autocmd('ExitPre', {
  group = vim.api.nvim_create_augroup('fbuild.leaving', {}),
  callback = function()
    -- Nothing holds Neovim back from `:qa!`.
    local is_forced = vim.fn.histget(':', -1):find('!%s*$') ~= nil
    if not is_forced and is_writing() and vim.fn.confirm(question, '&Leave\n&Stay', 2) ~= 1 then
      stay()
    end
  end,
})
