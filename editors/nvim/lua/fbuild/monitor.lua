-- What boards print, in a terminal buffer for each. Keys that are typed there go to the board; to wipe the
-- buffer out is to stop listening.
local server = require('fbuild.server')

local M = {}

---@type table<string, integer|false> the channels of their terminals, by port; false: until it has stopped
local boards = {}

--- Of a monitor that has ended, nothing is to be told.
---@param client vim.lsp.Client
---@param command string
---@param argument table
---@param done? fbuild.Callback
local function ask(client, command, argument, done)
  server.request(client, 'fbuild.server.monitor.' .. command, argument, done or function() end)
end

---@param client vim.lsp.Client
---@param port string
local function open(client, port)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, 'fbuild://monitor/' .. port)
  boards[port] = vim.api.nvim_open_term(buffer, {
    on_input = function(_, _, _, keys)
      ask(client, 'write', { port = port, text = keys, keys = true })
    end,
  })
  -- What was compiled elsewhere has another path there.
  vim.bo[buffer].path = client.root_dir .. '/**'
  vim.bo[buffer].includeexpr = "fnamemodify(v:fname, ':t')"
  vim.keymap.set('n', 'gf', 'gF', { buffer = buffer })
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = buffer,
    callback = function()
      boards[port] = false
      ask(client, 'stop', { port = port }, function()
        boards[port] = nil
      end)
    end,
  })
  vim.api.nvim_open_win(buffer, false, { split = 'below', win = -1, height = 12 })
end

--- Shows news of a board; the window does not take the cursor.
---@param client vim.lsp.Client
---@param news {port: string, state: string, text: string}
function M.hear(client, news)
  if boards[news.port] == nil and news.state ~= 'ended' then
    open(client, news.port)
  end
  if boards[news.port] then
    vim.api.nvim_chan_send(boards[news.port], (news.text:gsub('\n', '\r\n')))
  end
end

--- Options of `fbuild-lsp monitor` that have a value.
local values = { 'filter', 'baud', 'save', 'eol', 'target', 'port' }

--- Listens to a board.
---@param ... string a port, and options
function M.start(...)
  local argument, field = {}, nil ---@type table<string, any>, string?
  for _, word in ipairs({ ... }) do
    local option = word:match('^%-%-(%a+)$')
    if field then
      argument[field], field = word, nil
    elseif option == 'timestamps' or option == 'reset' then
      argument[option] = true
    elseif vim.list_contains(values, option) then
      field = option
    elseif vim.startswith(word, '-') then
      return require('fbuild.say').error(('fbuild: a monitor takes no %s'):format(word))
    else
      argument.port = word
    end
  end
  argument.baud = tonumber(argument.baud) or argument.baud
  argument.log = argument.save and vim.fn.fnamemodify(argument.save, ':p')
  server.with_client(function(client)
    argument.root = client.root_dir
    ask(client, 'start', argument, function(err, result)
      if err or result.error then
        require('fbuild.say').error(err and err.message or result.text.sentence)
      end
    end)
  end)
end

--- The server shows a crash by itself; a copy of its backtrace goes into a register.
---@param client vim.lsp.Client
---@param crash {copy?: boolean}
function M.show_crash(client, crash)
  ask(client, 'showCrash', crash, function(err, result)
    local say = require('fbuild.say')
    if err or (crash.copy and not result.text) then
      say.error(err and err.message or 'fbuild: this crash is not known any more')
    elseif crash.copy then
      local register = vim.fn.has('clipboard') == 1 and '+' or '"'
      vim.fn.setreg(register, result.text)
      say.notify('fbuild: the backtrace is in register ' .. register)
    end
  end)
end

--- Puts the frames of crashes into the quickfix list.
function M.backtrace()
  local items = {}
  for _, found in ipairs(vim.diagnostic.get()) do
    local told = vim.tbl_get(found, 'user_data', 'lsp') or {}
    if vim.tbl_get(told, 'data', 'crash') then
      vim.list_extend(items, vim.diagnostic.toqflist({ found }))
      for _, frame in ipairs(told.relatedInformation or {}) do
        local place = vim.lsp.util.locations_to_items({ frame.location }, 'utf-16')[1]
        place.text = frame.message
        table.insert(items, place)
      end
    end
  end
  vim.fn.setqflist({}, ' ', { title = 'fbuild backtrace', items = items })
  vim.cmd(#items > 0 and 'copen' or 'echo "fbuild: no crash is known"')
end

return M
