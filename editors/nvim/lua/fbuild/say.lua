-- Words for the person: one line that never stops Neovim at a hit-enter prompt.
local M = {}

local levels = vim.log.levels

-- Like this, and not by Neovim's own `vim.notify`, whose errors ask for Enter where 'cmdheight' is 0.
local highlights = { [levels.ERROR] = 'ErrorMsg', [levels.WARN] = 'WarningMsg' }

---@param text string
---@return boolean
local function fits(text)
  return vim.fn.strdisplaywidth(text) <= vim.v.echospace
end

--- Cut to what the message line holds, in the middle: at the end is what to do.
---@param text string
---@return string
local function fitted(text)
  local cut, n = text, vim.fn.strchars(text)
  local head = math.max(math.floor(vim.v.echospace * 0.55), 1)
  local from = head
  while not fits(cut) and from < n do
    from = from + 1
    cut = vim.fn.strcharpart(text, 0, head) .. '…' .. vim.fn.strcharpart(text, from)
  end
  return cut
end

--- A plugin that shows notifications in windows of its own has room for all of a text.
---@return boolean
local function notify_is_builtin()
  if type(vim.notify) ~= 'function' then
    return false
  end
  -- Some builds of 0.12 have forgotten where their own functions come from; a plugin's is in a file.
  local source = debug.getinfo(vim.notify, 'S').source
  return source == '?' or source:find('vim/_[%a/]*editor') ~= nil
end

---@return boolean
local function is_typing_a_command()
  return vim.api.nvim_get_mode().mode:find('^[cr!]') ~= nil
end

--- Say something that the person should see: at once, or when the command line is free again.
---@param text string
---@param level? integer of `vim.log.levels`; information if left out
---@param shorter? string[] what to say where the message line does not hold all of it, the longest first
function M.notify(text, level, shorter)
  if is_typing_a_command() then
    vim.api.nvim_create_autocmd('ModeChanged', {
      once = true,
      callback = vim.schedule_wrap(function()
        M.notify(text, level, shorter)
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
  local texts = { line, unpack(shorter or {}) }
  local chosen = vim.iter(texts):find(fits) or texts[#texts]
  vim.api.nvim_echo({ { fitted(chosen), highlights[level] } }, true, {})
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
