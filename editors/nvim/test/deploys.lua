-- Commands in a real Neovim against the real server and the simulated board.
local t = require('harness')
local fbuild = require('fbuild')
local server = require('fbuild.server')

local equal, match, test, wait_for = t.equal, t.match, t.test, t.wait_for

-- What happens meanwhile: the outcomes of `User Fbuild…Done`, and every step of a progress.
local events, progress = {}, {}
vim.api.nvim_create_autocmd('User', {
  pattern = { 'Fbuild*Start', 'Fbuild*Done' },
  callback = function(event)
    table.insert(events, { name = event.match, data = event.data })
  end,
})
vim.api.nvim_create_autocmd('LspProgress', {
  callback = function(event)
    table.insert(progress, event.data.params)
  end,
})

--- Runs a command of ours and waits for its end.
---@param command string
---@param kind? string
---@return fbuild.Outcome
local function outcome_of(command, kind)
  events, progress = {}, {}
  vim.cmd(command)
  local name = 'Fbuild' .. (kind or 'Deploy') .. 'Done'
  return wait_for(name, function()
    local last = events[#events]
    return last and last.name == name and last.data
  end)
end

---@param name string of the window's buffer
---@return string
local function text_of(name)
  local buffer = wait_for(name, function()
    local found = vim.fn.bufnr('^' .. name .. '$')
    return found > 0 and #vim.fn.win_findbuf(found) > 0 and found
  end)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\n')
end

---@return vim.lsp.Client
local function attached()
  return wait_for('a server for this buffer', function()
    return vim.lsp.get_clients({ name = 'fbuild_lsp', bufnr = 0 })[1]
  end)
end

local project = t.project('blink')

test('opening a source of a project starts the server, in the project', function()
  vim.cmd.edit(project .. '/main/main.c')
  equal(project, attached().root_dir)
  wait_for('the only target in the statusline', function()
    return fbuild.statusline() == 'espidf:build · no board'
  end)
end)

test('each kind of file that decides a deploy has the same server', function()
  local id = attached().id
  for name, filetype in pairs({
    ['sdkconfig'] = 'sdkconfig',
    ['sdkconfig.defaults'] = 'sdkconfig',
    ['partitions.csv'] = 'csv',
    ['platformio.ini'] = 'dosini',
    ['main/main.cpp'] = 'cpp',
    ['src/main.rs'] = 'rust',
    ['blink.ino'] = 'arduino',
    ['build/flasher_args.json'] = 'json',
  }) do
    vim.cmd.edit(project .. '/' .. name)
    equal(filetype, vim.bo.filetype)
    equal(id, attached().id)
  end
  -- What the build derives from sdkconfig stays what it is.
  vim.cmd.edit(project .. '/build/config/sdkconfig.h')
  equal('cpp', vim.bo.filetype)
  vim.cmd.edit(project .. '/build/config/sdkconfig.json')
  equal('json', vim.bo.filetype)
  equal(0, #vim.lsp.get_clients({ bufnr = 0 }))
end)

test('a full deploy: outcome, announcement, progress, statusline', function()
  vim.cmd.edit(project .. '/main/main.c')
  local outcome = outcome_of('FbuildDeploy espidf:build sim:board.bin')
  equal('fullFlash', outcome.outcome)
  equal('deploy succeeded (full flash)', outcome.message)
  equal({ 'FbuildDeployStart', 'FbuildDeployDone' }, {
    events[1].name,
    events[2].name,
  })
  equal('sim:board.bin', events[1].data.port)
  match(fbuild.statusline(), '^✓ full flash · %d[%d%.min ]* s · simulated board$')
  equal('begin', progress[1].value.kind)
  equal('end', progress[#progress].value.kind)
  equal('deploy succeeded (full flash)', progress[#progress].value.message)
  match(progress[1].token, '^fbuild/job/%d+$')
end)

test('a second deploy finds nothing to write', function()
  local outcome = outcome_of('FbuildDeploy espidf:build sim:board.bin')
  equal('verifySkip', outcome.outcome)
  match(fbuild.statusline(), '^✓ up to date · %d[%d%.min ]* s · simulated board$')
end)

test('an edited string: plan, verify and a selective deploy agree', function()
  t.build(project, 'Hello again!')
  local plan = outcome_of('FbuildPlan build sim:board.bin', 'Plan')
  equal('planned', plan.outcome)
  local window = vim.api.nvim_get_current_win()
  match(text_of('fbuild://plan'), 'firmware +0x10000 +[%d.]+ KiB +differs +3 of 61 +[%d.]+ KiB')
  match(text_of('fbuild://plan'), 'A deploy would take about ')
  equal(window, vim.api.nvim_get_current_win())
  vim.cmd.pclose()

  local verify = outcome_of('FbuildVerify build sim:board.bin', 'Verify')
  equal('differs', verify.error.code)
  equal('✗ board differs', fbuild.statusline())

  local deploy = outcome_of('FbuildDeploy build sim:board.bin')
  equal('deploy succeeded (selective flash: firmware; 3 of 61 sectors)', deploy.message)
  match(fbuild.statusline(), '^✓ firmware · 3 sectors · %d[%d%.min ]* s · simulated board$')

  equal('verifySkip', outcome_of('FbuildVerify build sim:board.bin', 'Verify').outcome)
end)

test('a full deploy on request writes what matches, too', function()
  equal('fullFlash', outcome_of('FbuildDeployFull build sim:board.bin').outcome)
end)

test('a new build takes the place of the last result in the statusline', function()
  t.build(project, 'Hello, third!')
  wait_for('the choice', function()
    return fbuild.statusline() == 'espidf:build · no board'
  end)
end)

test('a port that is not there: the cause as data, in the statusline and in the log', function()
  local outcome = outcome_of('FbuildDeploy build /dev/ttyNOPE')
  equal('failed', outcome.outcome)
  equal('port-not-found', outcome.error.code)
  equal('✗ port not found', fbuild.statusline())
  vim.cmd.FbuildLog()
  wait_for('the failure in the log', function()
    local log = text_of('fbuild://log')
    return log:find('error: deploy failed: port /dev/ttyNOPE does not exist', 1, true)
      and log:find('try: plug the board in', 1, true)
  end)
  vim.cmd.pclose()
end)

test('arguments of the wrong kind are an outcome, too', function()
  local outcome ---@type fbuild.Outcome
  ---@diagnostic disable-next-line: assign-type-mismatch
  fbuild.deploy({ baud = {} }, function(result)
    outcome = result
  end)
  wait_for('the outcome', function()
    return outcome
  end)
  equal('request-refused', outcome.error.code)
  match(outcome.message, 'baud')
end)

local slow = 'build sim:slow.bin?time=real'

---@param phase string
local function wait_for_phase(phase)
  return wait_for(phase, function()
    local text = fbuild.statusline()
    return vim.startswith(text, phase .. ' ') and text
  end)
end

test('while it writes the statusline says so, and a second deploy is refused', function()
  events = {}
  vim.cmd('FbuildDeploy ' .. slow)
  match(wait_for_phase('writing'), '^writing %a+ %d+ %%$')
  local refused ---@type fbuild.Outcome
  fbuild.deploy({ target = 'build', port = 'sim:slow.bin?time=real' }, function(outcome)
    refused = outcome
  end)
  wait_for('the refusal', function()
    return refused
  end)
  equal('job-running', refused.error.code)
  match(fbuild.statusline(), '^writing ')
end)

test('a cancel stops it, and the next deploy repairs the board', function()
  wait_for_phase('writing')
  local outcome = outcome_of('FbuildCancel')
  equal('cancelled', outcome.outcome)
  equal('cancelled', fbuild.statusline())
  local deploy = outcome_of('FbuildDeploy build sim:slow.bin')
  match(deploy.message, '^deploy succeeded')
end)

test('a change that is not saved is warned of, until it is undone', function()
  -- Not `:edit`, which reads it again where it is open: an undo would take that back, too.
  vim.cmd.drop(project .. '/main/main.c')
  vim.api.nvim_buf_set_lines(0, 0, 0, false, { '// not saved' })
  vim.g.fbuild = { save = false }
  local outcome = outcome_of('FbuildDeploy build sim:board.bin')
  equal({ 'main/main.c has unsaved changes, which are not in this firmware' }, outcome.warnings)
  vim.cmd.undo()
  equal(false, vim.bo.modified)
  equal({}, outcome_of('FbuildDeploy build sim:board.bin').warnings)
  vim.g.fbuild = nil
end)

test('what is not saved is saved first', function()
  local file = project .. '/main/main.c'
  vim.cmd.drop(file)
  vim.api.nvim_buf_set_lines(0, 0, 0, false, { '// saved' })
  local outcome
  fbuild.deploy(
    { target = 'build', port = 'sim:board.bin', staleBuild = 'ignore' },
    function(result)
      outcome = result
    end
  )
  equal(false, vim.bo.modified)
  equal('// saved', vim.fn.readfile(file)[1])
  wait_for('the outcome', function()
    return outcome
  end)
  equal('verifySkip', outcome.outcome)
  local an_hour_ago = os.time() - 3600
  assert(vim.uv.fs_utime(file, an_hour_ago, an_hour_ago))
end)

test('an edit, a command: an error is on its line, its correction is built and deployed', function()
  -- A home with ESP-IDF, and a project that was never built: no setting says how it is.
  local home = t.folder .. '/home'
  local hello = home .. '/hello'
  t.run(t.repository .. '/tests/esp-idf/install', home)
  t.run('cp', '-r', t.repository .. '/tests/esp-idf/hello', hello)
  local before = { HOME = vim.env.HOME, IDF_PATH = vim.env.IDF_PATH }
  vim.env.HOME, vim.env.IDF_PATH = home, nil
  vim.g.fbuild = { trust = true }
  vim.cmd.edit(hello .. '/main/main.c')
  equal(hello, attached().root_dir)
  local line = '    puts(%s);'
  vim.api.nvim_buf_set_lines(0, 3, 4, false, { line:format('nope') })
  local failed = outcome_of('FbuildDeploy espidf:build sim:board.bin')
  equal('build-failed', failed.error.code)
  match(failed.error.message, "main.c:4: 'nope' undeclared")
  local listed = vim.fn.getqflist()
  equal(1, #listed)
  listed = listed[1]
  equal({ 4, 10 }, { listed.lnum, listed.col })
  equal(hello .. '/main/main.c', vim.api.nvim_buf_get_name(listed.bufnr))
  match(listed.text, "'nope' undeclared")
  vim.api.nvim_buf_set_lines(0, 3, 4, false, { line:format('"By one command"') })
  local outcome = outcome_of('FbuildDeploy espidf:build sim:board.bin')
  equal('fullFlash', outcome.outcome)
  equal('idf.py build', outcome.build.command)
  match(vim.fn.readblob(hello .. '/board.bin'), 'By one command')
  local built = outcome_of('FbuildBuild', 'Build')
  equal('built', built.outcome)
  attached():stop()
  vim.g.fbuild = nil
  vim.env.HOME, vim.env.IDF_PATH = before.HOME, before.IDF_PATH
  vim.cmd.edit(project .. '/main/main.c')
  -- Or a restart would begin with it again.
  vim.cmd.bwipeout(vim.fn.bufnr(hello .. '/main/main.c'))
end)

test('a code lens takes the same way as a command', function()
  events = {}
  local client = attached()
  local argument = { target = 'espidf:build', port = 'sim:board.bin', root = client.root_dir }
  client:exec_cmd({ title = 'x', command = 'fbuild.server.deploy', arguments = { argument } })
  local done = wait_for('the outcome', function()
    return events[2]
  end)
  equal({ 'FbuildDeployStart', 'FbuildDeployDone' }, { events[1].name, done.name })
  match(done.data.message, '^deploy succeeded')
  match(fbuild.statusline(), '^✓ ')
end)

test('a code lens that the server offers deploys, and stays', function()
  vim.cmd.edit(project .. '/build/flasher_args.json')
  local buffer = vim.api.nvim_get_current_buf()
  local client = attached()
  if not client.server_capabilities.codeLensProvider then
    return t.skip('this server has no code lenses')
  end
  vim.cmd('FbuildPort sim:board.bin')
  wait_for('the board', function()
    return fbuild.statusline():find('simulated board', 1, true)
  end)
  local function is_deploy(lens)
    return lens.command ~= nil and lens.command.command == 'fbuild.server.deploy'
  end
  local deploy = wait_for('a lens', function()
    vim.lsp.codelens.refresh({ bufnr = buffer })
    vim.wait(100)
    return vim.iter(vim.lsp.codelens.get(buffer)):find(is_deploy)
  end)
  vim.ui.select = function(items, _, choose)
    choose(vim.iter(items):find(function(item)
      return is_deploy(item.lens)
    end))
  end
  local line = deploy.range.start.line
  local namespace = vim.api.nvim_get_namespaces()['nvim.lsp.codelens:' .. client.id]
  vim.api.nvim_win_set_cursor(0, { line + 1, 0 })
  events = {}
  vim.lsp.codelens.run()
  if vim.fn.has('nvim-0.12') == 0 then
    equal({}, vim.api.nvim_buf_get_extmarks(0, namespace, { line, 0 }, { line, -1 }, {}))
  end
  local done = wait_for('the outcome', function()
    return events[2]
  end)
  equal('FbuildDeployDone', done.name)
  equal('espidf:build', events[1].data.target)
  match(done.data.message, '^deploy succeeded')
  wait_for('the lens again', function()
    return #vim.api.nvim_buf_get_extmarks(0, namespace, { line, 0 }, { line, -1 }, {}) > 0
  end)
  vim.cmd('FbuildPort automatic')
  vim.cmd.edit(project .. '/main/main.c')
end)

test('who the board is', function()
  outcome_of('FbuildBoard sim:board.bin', 'Board')
  match(text_of('fbuild://board'), 'Chip +ESP32')
  match(text_of('fbuild://board'), 'MAC address +24:0a:c4:00:01:10')
  vim.cmd.pclose()
end)

test('the last deploys', function()
  vim.cmd.FbuildHistory()
  local history = text_of('fbuild://history')
  match(history, 'ESP32 24:0a:c4:00:01:10 · ')
  match(history, 'espidf:build  selective flash: firmware; 3 of 61 sectors, ')
  vim.cmd.pclose()
end)

test('a server that is killed in a deploy: told, an outcome, and started again', function()
  local messages = {}
  local notify = vim.notify
  vim.notify = function(text)
    table.insert(messages, text)
  end
  local killed = attached()
  events = {}
  vim.cmd('FbuildDeployFull ' .. slow)
  wait_for_phase('writing')
  for _, process in ipairs(vim.api.nvim_get_proc_children(vim.fn.getpid())) do
    if vim.api.nvim_get_proc(process).name:find('^fbuild') then
      vim.uv.kill(process, 'sigkill')
    end
  end
  local outcome = wait_for('the outcome', function()
    return #events == 2 and events[2].data
  end)
  equal('server-ended', outcome.error.code)
  wait_for('a message', function()
    return vim.iter(messages):any(function(message)
      return message:find('ended (signal 9); :FbuildRestart starts it again', 1, true)
    end)
  end)
  vim.notify = notify
  equal('', fbuild.statusline())

  vim.cmd.FbuildRestart()
  wait_for('another server for the open file', function()
    local client = vim.lsp.get_clients({ name = 'fbuild_lsp', bufnr = 0 })[1]
    return client and client.id ~= killed.id
  end)
  equal('fullFlash', outcome_of('FbuildDeployFull build sim:slow.bin').outcome)
end)

test('a restart of a server that runs', function()
  local before = attached().id
  vim.cmd.FbuildRestart()
  wait_for('another one', function()
    local client = vim.lsp.get_clients({ name = 'fbuild_lsp', bufnr = 0 })[1]
    return client and client.id ~= before
  end)
  equal(1, #server.running())
end)

test('what a bug report should contain, with our settings', function()
  local text ---@type string
  -- The server that has just been started asks for settings first.
  wait_for('our settings', function()
    vim.cmd.FbuildDebugInfo()
    text = text_of('fbuild://debug')
    return text:find('baud = 9600', 1, true)
  end)
  match(text, 'name = "Neovim"')
  match(text, 'status = true')
  match(text, 'workspaceTrusted = false')
  vim.cmd.pclose()
end)

t.finish()
