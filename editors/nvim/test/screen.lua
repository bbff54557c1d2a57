-- What a person sees: another Neovim in a terminal of tmux, its keys pressed, its screen read.
local t = require('harness')

local equal, match, test, wait_for = t.equal, t.match, t.test, t.wait_for

local session = 'fbuild-' .. vim.fn.getpid()

---@param ... string
---@return string
local function tmux(...)
  return t.run('tmux', '-L', session, '-f', '/dev/null', ...)
end

---@return string
local function screen()
  return tmux('capture-pane', '-p')
end

---@param ... string
local function keys(...)
  tmux('send-keys', ...)
end

--- Waits for words on the screen. None of them may come with a prompt that wants Enter.
---@param pattern string
---@return string screen
local function see(pattern)
  local last = ''
  local in_time = vim.wait(t.patience_ms, function()
    last = screen()
    if last:find('Press ENTER', 1, true) or last:find('-- More --', 1, true) then
      error('a prompt that wants Enter:\n' .. last, 2)
    end
    return last:find(pattern) ~= nil
  end, 20)
  if not in_time then
    error(('%q was never seen; at last:\n%s'):format(pattern, last), 2)
  end
  return last
end

---@param command string
local function type_command(command)
  keys('-l', ':' .. command)
  keys('Enter')
end

--- Opens a file in a Neovim of this many columns, does things, and closes it again.
---@param columns integer
---@param file string
---@param setup string what goes before init.lua
---@param act fun()
local function with_neovim(columns, file, setup, act)
  local init = t.repository .. '/editors/nvim/test/init.lua'
  local arguments = { vim.env.FBUILD_NVIM, '-i', 'NONE', '-u', init, '--cmd', setup, file }
  local command = vim.iter(arguments):map(vim.fn.shellescape):join(' ')
  tmux(
    'new-session',
    '-d',
    '-x',
    tostring(columns),
    '-y',
    '20',
    '-e',
    'TERM=tmux-256color',
    command
  )
  local ok, err = xpcall(act, debug.traceback)
  vim.system({ 'tmux', '-L', session, 'kill-server' }):wait()
  wait_for('the end of tmux', function()
    return vim.system({ 'tmux', '-L', session, 'has-session' }):wait().code ~= 0
  end)
  if not ok then
    error(err, 0)
  end
end

-- Neovim takes no empty command.
local nothing = 'set laststatus=2'
local project = t.project('blink')
local source = project .. '/main/main.c'

test('full, selective, nothing, wrong port: the statusline and the message line', function()
  with_neovim(80, source, nothing, function()
    see('espidf:build · no board *\n')
    type_command('FbuildDeploy build sim:board.bin')
    see('✓ full flash · %d[%d%.min ]* s · simulated board *\n')
    see('\nDeploy succeeded %(full flash%) in %d[%d%.min ]* s')

    t.build(project, 'Hello, screen!')
    type_command('FbuildDeploy build sim:board.bin')
    see('✓ firmware · 3 sectors · %d[%d%.min ]* s · simulated board *\n')
    see('\ndeploy succeeded %(selective flash: firmware; 3 of 61 sectors%)\n')

    type_command('FbuildDeploy build sim:board.bin')
    see('✓ up to date · %d[%d%.min ]* s · simulated board *\n')
    see('\ndeploy succeeded %(verify skipped, device already matched%)')

    type_command('FbuildDeploy build /dev/ttyNOPE')
    see('✗ port not found *\n')
    -- What to do is seen, in an editor's words, and where there is more, whatever is in between.
    see('\nport not found: plug the board.*oose another port %(:FbuildLog%)')
    type_command('FbuildLog')
    see('\n[^\n]*error: deploy failed: port /dev/ttyNOPE does not exist')
    see('\n +try: plug the board in')
    type_command('pclose')
  end)
end)

test('during a deploy region and percent are seen to grow, and a cancel stops it', function()
  with_neovim(80, source, nothing, function()
    see('espidf:build · no board *\n')
    type_command('FbuildDeployFull build sim:slow.bin?time=real')
    local first = tonumber(see('writing %a+ %d+ %% *\n'):match('writing %a+ (%d+) %% *\n'))
    see('\nfbuild: writing %a+ %d+ %%\n') -- the message line
    wait_for('a greater percentage', function()
      local now = tonumber(screen():match('writing %a+ (%d+) %% *\n'))
      return now and now > first
    end)
    type_command('FbuildCancel')
    see('cancelled *\n')
    see('\n[Dd]eploy cancelled')
  end)
end)

test(
  'leaving while a board is written is asked about, and what was cut short is told next time',
  function()
    with_neovim(80, source, nothing, function()
      see('espidf:build · no board *\n')
      type_command('FbuildPort sim:left.bin')
      see('espidf:build · simulated board')
      type_command('FbuildDeployFull build sim:left.bin?time=real')
      see('writing %a+ %d+ %%')
      type_command('qa')
      see('may not start if that is left.*%(L%)eave, %[S%]tay')
      keys('Enter')
      see('writing %a+ %d+ %%')
      see('main/main%.c')
      type_command('qa')
      see('%(L%)eave')
      keys('-l', 'L')
      wait_for('the end', function()
        return vim.system({ 'tmux', '-L', session, 'has-session' }):wait().code ~= 0
      end)
    end)
    with_neovim(80, source, nothing, function()
      see('deploy was interrupted *\n')
      see('\nthe board may not start: deploy again')
      type_command('FbuildDeploy build sim:left.bin')
      see('✓ ')
      type_command('FbuildPort automatic')
      see('espidf:build · no board *\n')
    end)
  end
)

test('a typed command is not disturbed, and the outcome comes when it is done', function()
  -- About 24 seconds: long enough to type in, and it ends.
  with_neovim(80, source, 'let g:test_baud = 57600', function()
    see('espidf:build · no board *\n')
    type_command('FbuildDeploy build sim:typing.bin?time=real')
    see('writing %a+ %d+ %%')
    keys('-l', ':echo "typed')
    see('✓ full flash')
    match(screen(), '\n:echo "typed')
    keys('Escape')
    see('\nDeploy succeeded %(full flash%)')
  end)
end)

test('long messages on a narrow screen stop nothing', function()
  with_neovim(40, source, 'set showcmd', function()
    see('espidf:build · no board *\n')
    type_command('FbuildDeploy build /dev/tty-a-port-with-a-rather-long-name')
    see('✗ port not found *\n')
    see('…')
    -- A setting that is wrong is reported by the server with window/showMessage.
    type_command(
      "lua vim.lsp.get_clients()[1]:notify('workspace/didChangeConfiguration',"
        .. " {settings = {}}) vim.lsp.get_clients()[1].settings = {fbuild = {baud = 'a rather long"
        .. " text that is no baud rate'}}"
    )
    see('fbuild: setting.*is not used')
  end)
end)

test('two messages in the same moment: the last one is seen', function()
  with_neovim(80, source, nothing, function()
    see('espidf:build · no board *\n')
    type_command(
      "lua for _, text in ipairs({'first', 'second'}) do"
        .. " require('fbuild.say').notify(text .. ' message') end"
    )
    see('\nsecond message')
  end)
end)

--- Waits for words of the statusline, which a message may cover until the next redraw.
---@param message string
---@param pattern string
local function see_behind(message, pattern)
  wait_for(pattern, function()
    local now = see('')
    return now:find(message, 1, true) or now:find(pattern)
  end)
  keys('C-l')
  see(pattern)
end

test('without a message line it stops nothing either', function()
  with_neovim(80, source, 'set cmdheight=0', function()
    see('espidf:build · no board *\n')
    type_command('FbuildDeploy build sim:board.bin')
    see_behind('eploy succeeded', '✓ %a')
    type_command('FbuildDeploy build /dev/ttyNOPE')
    see_behind('port not found:', '✗ port not found')
    type_command('FbuildPlan build sim:board.bin')
    see('nothing to write')
  end)
end)

test('the plan opens below, without the cursor', function()
  t.build(project, 'Another one')
  with_neovim(90, source, nothing, function()
    see('espidf:build · no board *\n')
    type_command('FbuildPlan build sim:board.bin')
    local shown = see('firmware +0x10000 +[%d.]+ KiB +differs +%d+ of 61')
    match(shown, 'A deploy would take about %d[%d%.min ]* s%.')
    keys('-l', 'xi')
    see('%[%+%]') -- the source was changed, not the plan
    keys('Escape')
    type_command('pclose')
    wait_for('the window is closed', function()
      return not screen():find('0x10000', 1, true)
    end)
  end)
end)

test('a question is asked on the screen and answered by its number', function()
  with_neovim(80, source, nothing, function()
    see('espidf:build · no board *\n')
    type_command('FbuildErase sim:board.bin')
    see('1: Erase')
    keys('1', 'Enter')
    see('Erased 4 MiB at 0x0')
    type_command('FbuildPort')
    see('Which board:')
    see('automatic  %(chosen%)')
    see('simulated board')
    see('another port…')
    keys('Enter')
    type_command('FbuildPort sim:board.bin')
    see('espidf:build · simulated board')
  end)
end)

test('the end of the server is told in one line', function()
  with_neovim(80, source, nothing, function()
    see('espidf:build')
    type_command('FbuildDeployFull build sim:slow.bin?time=real')
    see('writing %a+ %d+ %%')
    type_command(
      'lua for _, p in ipairs(vim.api.nvim_get_proc_children(vim.fn.getpid())) do'
        .. ' vim.uv.kill(p, 9) end'
    )
    see('\nfbuild: the server ended %(signal 9%); :FbuildRestart starts it again')
    type_command('FbuildRestart')
    see('espidf:build')
  end)
end)

--- A table whose last row begins in the app, with all that is shown beside it.
local table_project = t.project('table')
t.write(
  table_project .. '/sdkconfig',
  'CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME="partitions.csv"\n'
)
t.write(
  table_project .. '/partitions.csv',
  'nvs,data,nvs,,0x6000,\nfactory,app,factory,0x10000,1M,\n数据😀,data,spiffs,0x100000,512K,\n'
)
local shows_all = 'lua vim.diagnostic.config({virtual_text = true}) vim.lsp.inlay_hint.enable()'
  .. " vim.api.nvim_create_autocmd('LspAttach',"
  .. ' {callback = function(event) vim.lsp.codelens.refresh({bufnr = event.buf}) end})'

test('a table: the squiggle, what is wrong, hints, lenses, and a fix that takes it away', function()
  with_neovim(120, table_project .. '/partitions.csv', shows_all, function()
    see('nvs,data,nvs, ?0x9000,0x6000 ?24 KiB')
    see('Deploy firmware | Verify firmware\n')
    see('数据😀,data,spiffs,0x100000,512K,.*overlap')
    local coloured = tmux('capture-pane', '-p', '-e')
    local n_underlined = select(2, coloured:gsub('\27%[4m', ''))
    equal(1, n_underlined)
    match(coloured, 'spiffs,\27%[4m[^m]*m0x100000\27%[0m')
    keys('-l', ']d')
    type_command('lua vim.lsp.buf.code_action({context = {only = {"quickfix"}}})')
    see('1: ')
    keys('1', 'Enter')
    see('spiffs,0x110000')
    wait_for('nothing to be wrong', function()
      return not screen():find('overlap', 1, true)
    end)
  end)
end)

test('completion lists the environments of platformio.ini', function()
  local pio = t.folder .. '/pio/platformio.ini'
  t.write(pio, '[platformio]\ndefault_envs = nope\n[env:release]\n[env:debug]\n')
  with_neovim(80, pio, shows_all, function()
    see('= nope .*nope')
    keys('-l', '2G$bC')
    keys('C-x', 'C-o')
    match(see('= release\n'), 'release Module *\n.* debug +Module')
  end)
end)

test('health, in a terminal', function()
  with_neovim(100, source, nothing, function()
    see('espidf:build')
    type_command('checkhealth fbuild')
    see('OK fbuild%-lsp 0%.1%.')
  end)
end)

t.finish()
