-- What a board prints, in a real Neovim against the real server and a simulated board that crashes.
local t = require('harness')
local server = require('fbuild.server')

local equal, match, test, wait_for = t.equal, t.match, t.test, t.wait_for

local panics = t.repository .. '/tests/panics'
local project = t.project('clock')
-- A monitor lets time pass as it does outside.
vim.lsp.config('fbuild_lsp', { settings = { fbuild = { baud = 921600 } } })
-- The program that crashes was compiled elsewhere, as /src/clock/main/main.c.
t.run('cp', panics .. '/elf/clock-o0.elf', project .. '/build/example.elf')
t.run('cp', panics .. '/src/clock/main/main.c', project .. '/main/main.c')
local an_hour_ago = os.time() - 3600
assert(vim.uv.fs_utime(project .. '/main/main.c', an_hour_ago, an_hour_ago))
local port = ('sim:%s/board.bin?crash=loadprohibited'):format(project)
local name = 'fbuild://monitor/' .. port

local types ---@type fun(keys: string) what the terminal hands on; nobody types without a screen
local open_term = vim.api.nvim_open_term
vim.api.nvim_open_term = function(in_buffer, options)
  types = function(keys)
    options.on_input('input', 0, in_buffer, keys)
  end
  return open_term(in_buffer, options)
end

---@return integer
local function buffer()
  return wait_for('the buffer of the monitor', function()
    for _, one in ipairs(vim.api.nvim_list_bufs()) do
      if vim.api.nvim_buf_get_name(one) == name then
        return one
      end
    end
  end)
end

---@return string[]
local function lines()
  return vim.api.nvim_buf_get_lines(buffer(), 0, -1, false)
end

test('a monitor follows a deploy, and takes no cursor', function()
  vim.cmd.edit(project .. '/main/main.c')
  local window = vim.api.nvim_get_current_win()
  vim.cmd('FbuildMonitor --timestamps --filter *:I ' .. port)
  buffer()
  vim.cmd('FbuildDeploy espidf:build ' .. port)
  wait_for('what the board prints', function()
    return table.concat(lines(), '\n'):find('Guru Meditation Error', 1, true)
  end)
  equal(window, vim.api.nvim_get_current_win())
end)

test(
  'a crash is on its line, in the statusline, and its frames are in the quickfix list',
  function()
    local found = wait_for('a diagnostic', function()
      return vim.diagnostic.get(0)[1]
    end)
    equal(10, found.lnum)
    match(found.message, 'LoadProhibited reading 0x00000004')
    wait_for('the crash in the statusline', function()
      return require('fbuild').statusline():find('LoadProhibited main.c:11', 1, true)
    end)
    vim.cmd.FbuildBacktrace()
    local items = vim.fn.getqflist()
    equal(11, items[1].lnum)
    equal({ '#1 tick', 17 }, { items[2].text, items[2].lnum })
    vim.cmd.cclose()
  end
)

test('a code action copies the backtrace', function()
  vim.cmd.buffer(project .. '/main/main.c')
  vim.fn.setreg('"', '')
  vim.api.nvim_win_set_cursor(0, { 11, 5 })
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action)
      return action.title:find('^Copy') ~= nil
    end,
  })
  wait_for('the backtrace', function()
    return vim.fn.getreg('"'):find('tick at /src/clock/main/main.c:17', 1, true)
  end)
end)

test('gf goes to a line that the board names', function()
  vim.api.nvim_win_set_buf(0, buffer())
  local row = wait_for('a frame', function()
    for number, line in ipairs(lines()) do
      if line:find('tick at /src/clock/main/main.c:17', 1, true) then
        return number
      end
    end
  end)
  local column = lines()[row]:find('/src/clock', 1, true)
  vim.api.nvim_win_set_cursor(0, { row, column - 1 })
  vim.cmd.normal('gf')
  equal(project .. '/main/main.c', vim.api.nvim_buf_get_name(0))
  equal(17, vim.api.nvim_win_get_cursor(0)[1])
end)

test('keys and options are those of the monitor in a shell', function()
  local function shows(text)
    wait_for(text, function()
      return table.concat(lines(), '\n'):find(text)
    end)
  end
  shows('%[%d%d:%d%d:%d%d%.%d+Z%] I %(301%) main_task')
  types('\20i')
  shows('%-%-%- time stamps are off')
  types('\20/clock:N\r')
  shows('%-%-%- filter: clock:N')
  local said = ''
  vim.notify = function(text)
    said = text
  end
  vim.cmd('FbuildMonitor --colour')
  wait_for('a word on the option', function()
    return said:find('takes no %-%-colour')
  end)
end)

test('to wipe the buffer out is to stop listening', function()
  vim.cmd.bwipeout({ args = { tostring(buffer()) }, bang = true })
  local client = server.running()[1]
  wait_for('no monitor', function()
    local left ---@type table?
    server.request(client, 'fbuild.server.monitor.list', nil, function(_, result)
      left = result.monitors
    end)
    wait_for('an answer', function()
      return left
    end)
    return #assert(left) == 0
  end)
end)

test('a flood leaves the editor answering', function()
  local listener, n_poured, pours = assert(vim.uv.new_tcp()), 0, true
  local lines_of_flood = ('I (1) flood: and no end to it\n'):rep(1000)
  listener:bind('127.0.0.1', 0)
  listener:listen(1, function()
    local board = assert(vim.uv.new_tcp())
    listener:accept(board)
    local function pour()
      n_poured = n_poured + 1
      board:write(pours and lines_of_flood or 'the end\n', pours and pour or nil)
    end
    pour()
  end)
  name = ('fbuild://monitor/socket://127.0.0.1:%d'):format(listener:getsockname().port)
  vim.cmd('FbuildMonitor ' .. name:gsub('^fbuild://monitor/', ''))
  -- 15 MB, for which 3 Mbaud would take 50 seconds.
  wait_for('a flood', function()
    return n_poured > 500
  end)
  t.write(project .. '/partitions.csv', 'nvs, data, \n')
  vim.cmd.edit(project .. '/partitions.csv')
  local client = server.running()[1]
  wait_for('help while editing', function()
    return vim.lsp.buf_is_attached(0, client.id)
  end)
  vim.api.nvim_buf_set_lines(0, 0, 1, false, { 'nvs, data, n' })
  local asked = vim.lsp.util.make_position_params(0, client.offset_encoding)
  asked.position = { line = 0, character = 12 }
  local answer ---@type table?
  client:request('textDocument/completion', asked, function(_, result)
    answer = result
  end)
  wait_for('an answer', function()
    return answer
  end)
  match(vim.inspect(answer), 'nvs')
  pours = false
  wait_for('the end', function()
    return vim.list_contains(lines(), 'the end')
  end)
  listener:close()
end)

t.finish()
