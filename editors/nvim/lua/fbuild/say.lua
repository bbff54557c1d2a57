-- Words for the person: one line that never stops Neovim at a hit-enter prompt.
local M = {}

local levels = vim.log.levels

-- Like this, and not by Neovim's own `vim.notify`, whose errors ask for Enter where 'cmdheight' is 0.
local highlights = { [levels.ERROR] = 'ErrorMsg', [levels.WARN] = 'WarningMsg' }

--- Cut to what the message line holds.
---@param text string
---@return string
local function fitted(text)
  local space = vim.v.echospace
  if vim.fn.strdisplaywidth(text) <= space then
    return text
  end
  local cut = vim.fn.strcharpart(text, 0, space - 1)
  while vim.fn.strdisplaywidth(cut) > space - 1 do
    cut = vim.fn.strcharpart(cut, 0, vim.fn.strchars(cut) - 1)
  end
  return cut .. '…'
end

--- A plugin that shows notifications in windows of its own has room for all of a text.
---@return boolean
local function notify_is_builtin()
  if type(vim.notify) ~= 'function' then
    return false
  end
  local source = debug.getinfo(vim.notify, 'S').source
  return source:find('vim/_core/editor', 1, true) ~= nil
    or source:find('vim/_editor', 1, true) ~= nil
end

---@return boolean
local function is_typing_a_command()
  return vim.api.nvim_get_mode().mode:find('^[cr!]') ~= nil
end

--- Say something that the person should see: at once, or when the command line is free again.
---@param text string
---@param level? integer of `vim.log.levels`; information if left out
---@param short? string what to say where the message line does not hold all of the text
function M.notify(text, level, short)
  if is_typing_a_command() then
    vim.api.nvim_create_autocmd('ModeChanged', {
      once = true,
      callback = vim.schedule_wrap(function()
        M.notify(text, level, short)
      end),
    })
    return
  end
  if not notify_is_builtin() then
    vim.notify(text, level or levels.INFO, { title = 'fbuild' })
    return
  end
  -- A second message in the same moment would ask for Enter; a redraw makes room for it.
  vim.cmd.redraw()
  local line = text:gsub('%s*\n%s*', ' · ')
  local fits = vim.fn.strdisplaywidth(line) <= vim.v.echospace
  local chunk = { fitted(fits and line or short or line), highlights[level] }
  vim.api.nvim_echo({ chunk }, true, {})
end

---@param text string
function M.error(text)
  M.notify('fbuild: ' .. text, levels.ERROR)
end

--- Show something for the moment, where the options want it; it is not kept in `:messages`.
---@param text string
function M.echo(text)
  local has_room = vim.o.cmdheight > 0 and not is_typing_a_command()
  if not has_room or not require('fbuild.options').read().echo then
    return
  end
  vim.cmd.redraw()
  vim.api.nvim_echo({ { text ~= '' and fitted('fbuild: ' .. text) or '' } }, false, {})
end

return M
