-- What the server says, in a buffer that `:FbuildLog` shows.
local M = {}

local name = 'fbuild://log'
local n_kept = 2000

---@type table<integer, string> of the protocol's MessageType
local words = { 'error', 'warning', 'info', 'log', 'debug' }

---@param kind integer
---@param text string
function M.add(kind, text)
  local lines = vim.split(vim.trim(text), '\n')
  lines[1] = ('%s %s: %s'):format(os.date('%H:%M:%S'), words[kind] or 'log', lines[1])
  for i = 2, #lines do
    lines[i] = '         ' .. lines[i]
  end
  require('fbuild.window').append(name, lines, n_kept)
end

function M.show()
  require('fbuild.window').show_end(name)
end

return M
