-- The plugin itself: where it starts, what it completes, asks, documents and refuses.
local t = require('harness')
local fbuild = require('fbuild')
local options = require('fbuild.options')
local project = require('fbuild.project')
local say = require('fbuild.say')
local server = require('fbuild.server')

local equal, match, test, wait_for = t.equal, t.match, t.test, t.wait_for

--- Everything that is reported, with its level, instead of showing it.
local said = {} ---@type {text: string, level: integer}[]
vim.notify = function(text, level)
  table.insert(said, { text = text, level = level })
end

---@param text string
local function wait_for_words(text)
  return wait_for(text, function()
    return vim.iter(said):find(function(message)
      return message.text:find(text, 1, true)
    end)
  end)
end

local function stop_servers()
  for _, client in ipairs(vim.lsp.get_clients({ name = 'fbuild_lsp' })) do
    client:stop()
  end
  wait_for('the end of the servers', function()
    return #vim.lsp.get_clients({ name = 'fbuild_lsp' }) == 0
  end)
end

---@return vim.lsp.Client
local function attached()
  return wait_for('a server for this buffer', function()
    return vim.lsp.get_clients({ name = 'fbuild_lsp', bufnr = 0 })[1]
  end)
end

test('nothing but commands is loaded at the start', function()
  -- The suite itself needs some modules; a Neovim of its own tells what is loaded without it.
  local loaded = t.run(
    vim.env.FBUILD_NVIM,
    '--headless',
    '-i',
    'NONE',
    '-u',
    t.repository .. '/editors/nvim/test/init.lua',
    '-c',
    'lua io.stdout:write(vim.iter(vim.tbl_keys(package.loaded)):filter(function(name)'
      .. " return vim.startswith(name, 'fbuild') end):join(','), ';', vim.fn.exists(':FbuildDeploy'))",
    '-c',
    'qall!'
  )
  -- `vim.lsp.enable` of 0.12 reads the configuration at once, with what that needs.
  if vim.fn.has('nvim-0.12') == 0 then
    equal(';2', loaded)
  else
    match(loaded, ';2$')
  end
end)

test('a package manager that clones the repository has all of it, as the documents say', function()
  local page = assert(io.open(t.repository .. '/docs/editors.md')):read('*a')
  local spec = assert(page:match('With lazy.nvim.-```lua\n(.-)```'))
  local said = t.run(
    vim.env.FBUILD_NVIM,
    '--clean',
    '--headless',
    '-c',
    ('lua local spec = %s; spec.config({ dir = %q })'):format(spec:gsub('%s+', ' '), t.repository),
    '-c',
    "lua io.stdout:write(vim.fn.exists(':FbuildDeploy'), tostring(vim.lsp.is_enabled('fbuild_lsp')),"
      .. ' vim.lsp.config.fbuild_lsp.filetypes[1])',
    '-c',
    'qall!'
  )
  equal('2truec', said)
end)

test('where a project begins', function()
  local folder = t.folder .. '/roots'
  for _, path in ipairs({
    'pio/platformio.ini',
    'pio/tables/partitions.csv',
    'pio/src/main.cpp',
    'idf/sdkconfig',
    'idf/main/deep/main.c',
    'blink/blink.ino',
    'blink/helper.cpp',
    'table/partitions.csv',
    'table/notes/notes.c',
    'zephyr/build/zephyr/runners.yaml',
    'zephyr/src/main.c',
    'host/src/main.rs',
    'plain/main.c',
  }) do
    t.write(folder .. '/' .. path, '')
  end
  t.write(folder .. '/esp/Cargo.toml', '[workspace]\nmembers = ["app"]\n')
  t.write(folder .. '/esp/app/Cargo.toml', '[dependencies]\nesp-hal = "1"\n')
  t.write(folder .. '/host/Cargo.toml', '[dependencies]\nserde = "1"\nesp-idf-part = "0.6"\n')
  t.write(folder .. '/std/.cargo/config.toml', '[target.xtensa-esp32-espidf]\n')
  for path, root in pairs({
    ['pio/src/main.cpp'] = 'pio',
    ['pio/tables/partitions.csv'] = 'pio',
    ['idf/main/deep/main.c'] = 'idf',
    ['blink/helper.cpp'] = 'blink',
    ['table/notes/notes.c'] = 'table',
    ['zephyr/src/main.c'] = 'zephyr',
    ['esp/app/src/main.rs'] = 'esp',
    ['std/src/main.rs'] = 'std',
    ['std'] = 'std',
  }) do
    equal(folder .. '/' .. root, project.root(folder .. '/' .. path))
  end
  for _, path in ipairs({ 'plain/main.c', 'host/src/main.rs' }) do
    equal(nil, project.root(folder .. '/' .. path))
  end
end)

test('a source outside of any project starts nothing', function()
  local calls = 0
  local root_dir = vim.lsp.config.fbuild_lsp.root_dir --[[@as function]]
  vim.cmd.edit(t.folder .. '/roots/plain/main.c')
  root_dir(vim.api.nvim_get_current_buf(), function()
    calls = calls + 1
  end)
  equal(0, calls)
  equal(0, #vim.lsp.get_clients())
  vim.cmd.cd(t.folder .. '/roots/plain')
  vim.cmd.FbuildDeploy()
  wait_for_words('no project in the current folder, around it or in this file')
  vim.cmd.cd(t.folder)
end)

local blink = t.project('blink')

test('a command of a buffer that is not attached starts the server of its folder', function()
  vim.lsp.enable('fbuild_lsp', false)
  for _, prepare in ipairs({
    function() -- a file of the project that is none of the server's business
      vim.cmd.edit(blink .. '/CMakeLists.txt')
    end,
    function() -- no file at all, in the project's folder
      vim.cmd.enew()
      vim.cmd.cd(blink .. '/main')
    end,
    function() -- a help page
      vim.cmd.help()
    end,
  }) do
    prepare()
    equal(0, #vim.lsp.get_clients({ bufnr = 0 }))
    local outcome ---@type fbuild.Outcome
    fbuild.deploy({ port = 'sim:board.bin' }, function(result)
      outcome = result
    end)
    wait_for('the outcome', function()
      return outcome
    end)
    match(outcome.message, '^deploy succeeded')
    equal('espidf:build', outcome.target)
    match(fbuild.statusline(), '^✓ ')
    equal(blink, server.running()[1].root_dir)
    stop_servers()
  end
  vim.cmd.helpclose()
  vim.cmd.cd(t.folder)
end)

test(
  'projects below the current folder are meant, one by its name where there are several',
  function()
    stop_servers()
    vim.cmd.enew()
    local around = t.folder .. '/around'
    t.write(around .. '/sensor/sdkconfig', '')
    t.write(around .. '/parts/gateway/platformio.ini', '')
    t.write(around .. '/build/not/sdkconfig', '')
    equal({ around .. '/parts/gateway', around .. '/sensor' }, project.below(around))
    vim.cmd.cd(around)
    local asked = {}
    local select = vim.ui.select
    vim.ui.select = function(items, about, choose)
      asked = vim.tbl_map(about.format_item, items)
      choose(items[2])
    end
    vim.cmd('FbuildTarget automatic')
    equal({ 'parts/gateway', 'sensor' }, asked)
    local running = wait_for('a server', function()
      return server.running()[1]
    end)
    equal(around .. '/sensor', running.root_dir)
    vim.ui.select = select
    vim.cmd.cd(blink)
    stop_servers()
  end
)

test('where it is not enabled, a command attaches the source that it was given in', function()
  vim.cmd.edit(blink .. '/main/main.c')
  equal(0, #vim.lsp.get_clients())
  vim.cmd('FbuildVerify espidf:build sim:board.bin')
  attached()
  vim.lsp.enable('fbuild_lsp')
  wait_for_words('Deploy succeeded (verify skipped, device already matched)')
end)

--- Completion waits three seconds for a server that was only just started; on a busy machine, a
--- person tries again.
---@param want string[]
---@param line string
local function wait_for_completion(want, line)
  local completed ---@type string[]
  local end_s = os.time() + t.patience_ms / 1000
  repeat
    completed = vim.fn.getcompletion(line, 'cmdline')
  until #completed == #want or os.time() > end_s
  equal(want, completed)
end

test('targets and ports complete', function()
  vim.cmd.edit(blink .. '/main/main.c')
  wait_for_completion({ 'espidf:build' }, 'FbuildDeploy ')
  local function completed(line)
    return vim.fn.getcompletion(line, 'cmdline')
  end
  equal({ 'espidf:build' }, completed('FbuildDeployFull esp'))
  equal({ 'espidf:build' }, completed('FbuildPlan build'))
  equal({}, completed('FbuildTarget nope'))
  equal({ 'sim:' }, completed('FbuildDeploy espidf:build si'))
  equal({ 'sim:' }, completed('FbuildPort s'))
  equal({}, completed('FbuildVerify espidf:build sim: x'))
  equal(16, #completed('Fbuild'))
end)

test('completion starts the server that it needs', function()
  stop_servers()
  vim.cmd.edit(blink .. '/CMakeLists.txt')
  wait_for_completion({ 'espidf:build', 'automatic' }, 'FbuildTarget ')
end)

--- Answers the next questions with the item that reads like this; nothing: closes them.
---@param pattern? string
---@return {prompt: string, items: string[]}[] questions
local function answer_with(pattern)
  local questions = {}
  vim.ui.select = function(items, about, choose)
    local format = about.format_item or tostring
    table.insert(questions, { prompt = about.prompt, items = vim.tbl_map(format, items) })
    local chosen = pattern
      and vim.iter(items):find(function(item)
        return format(item):find(pattern) ~= nil
      end)
    choose(chosen)
  end
  return questions
end

test('the board is chosen, shown, and taken back', function()
  vim.cmd.edit(blink .. '/main/main.c')
  said = {}
  local questions = answer_with('^another port')
  vim.ui.input = function(about, answer)
    equal('Port: ', about.prompt)
    answer('sim:board.bin')
  end
  vim.cmd.FbuildPort()
  wait_for_words('fbuild: board sim:')
  wait_for('the board in the statusline', function()
    return fbuild.statusline() == 'espidf:build · simulated board'
  end)
  equal('Which board:', questions[1].prompt)

  answer_with('^automatic')
  vim.cmd.FbuildPort()
  wait_for_words('fbuild: board automatic')
  wait_for('no board in the statusline', function()
    return fbuild.statusline() == 'espidf:build · no board'
  end)
end)

test('the target is chosen', function()
  said = {}
  local questions = answer_with('^espidf:build')
  vim.cmd.FbuildTarget()
  wait_for_words('fbuild: target espidf:build')
  equal({ 'espidf:build  esp32', 'automatic' }, {
    (questions[1].items[1]:gsub('  %(chosen%)', '')),
    (questions[1].items[2]:gsub('  %(chosen%)', '')),
  })
  vim.cmd.FbuildTarget('nope')
  wait_for_words('nope')
  equal(vim.log.levels.ERROR, said[#said].level)
end)

test('a question of the server: no means no, yes means yes', function()
  said = {}
  local questions = answer_with(nil)
  vim.cmd('FbuildErase sim:board.bin')
  wait_for_words('cancelled')
  match(questions[1].prompt, '[Ee]rase')
  equal('Erase', questions[1].items[1])
  answer_with('^Erase$')
  vim.cmd('FbuildErase sim:board.bin')
  wait_for_words('Erased 4')
end)

test('a firmware that is older than its source is asked about', function()
  local questions = answer_with('^Deploy anyway$')
  local later = os.time() + 10
  assert(vim.uv.fs_utime(blink .. '/main/main.c', later, later))
  t.write(blink .. '/build/compile_commands.json', '[]')
  local outcome ---@type fbuild.Outcome
  fbuild.deploy({ port = 'sim:board.bin' }, function(result)
    outcome = result
  end)
  wait_for('the outcome', function()
    return outcome
  end)
  match(questions[1].prompt, 'main%.c')
  equal(1, #outcome.warnings)
  match(outcome.warnings[1], 'main%.c')
  wait_for_words('. Warning: ')
end)

test('wrong options are named, and the rest works', function()
  vim.g.fbuild = { server = '', trust = { 3 }, ecko = true, echo = 'yes' }
  local resolved, problems = options.read()
  equal({
    'vim.g.fbuild.echo must be true or false, not "yes"',
    'vim.g.fbuild.ecko is unknown; known: echo, save, server, trust',
    'vim.g.fbuild.server must be a path, not ""',
    'vim.g.fbuild.trust must be true, false or a list of folders, not { 3 }',
  }, problems)
  equal({ server = vim.env.FBUILD_LSP_PATH, trust = false, echo = true, save = true }, resolved)
  vim.g.fbuild = 'yes'
  equal({ 'vim.g.fbuild must be a table of options' }, select(2, options.read()))
  vim.g.fbuild = nil
end)

test('trust is for the folders that it was given for', function()
  vim.g.fbuild = { trust = { '/home/me/src' } }
  equal(true, options.trusts('/home/me/src/blink'))
  equal(true, options.trusts('/home/me/src'))
  equal(false, options.trusts('/home/me/src2/blink'))
  vim.g.fbuild = { trust = true }
  equal(true, options.trusts('/anywhere'))
  vim.g.fbuild = nil
  equal(false, options.trusts('/home/me/src'))
end)

test('trust reaches the server', function()
  stop_servers()
  vim.g.fbuild = { trust = { t.folder } }
  vim.cmd.FbuildRestart()
  vim.cmd.edit(blink .. '/main/main.c')
  attached()
  vim.cmd.FbuildDebugInfo()
  wait_for('the answer', function()
    local buffer = vim.fn.bufnr('^fbuild://debug$')
    local lines = buffer > 0 and vim.api.nvim_buf_get_lines(buffer, 0, -1, false) or {}
    return table.concat(lines, '\n'):find('workspaceTrusted = true', 1, true)
  end)
  vim.cmd.pclose()
  vim.g.fbuild = nil
end)

test('a plugin that shows notifications gets all of a text', function()
  local long = ('long '):rep(100)
  said = {}
  say.notify(long)
  equal(long, said[1].text)
end)

---@return string
local function health()
  vim.cmd('checkhealth fbuild')
  local text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
  vim.cmd.bwipeout()
  return text
end

test(':checkhealth tells what is well and what is not', function()
  vim.cmd.edit(blink .. '/main/main.c')
  attached()
  local text = health()
  match(text, 'OK fbuild%-lsp 0%.1%.%d+: .*fbuild%-lsp')
  match(text, 'OK running in .*/blink')
  match(text, 'port sim:')
  equal(nil, text:find('ERROR', 1, true))

  vim.g.fbuild = { ecko = true }
  match(health(), 'ERROR vim%.g%.fbuild%.ecko is unknown')
  vim.g.fbuild = nil

  stop_servers()
  match(health(), 'not running, although a file of a project is open: .*main%.c')
  vim.cmd.edit()
  attached()
  local path = vim.env.FBUILD_LSP_PATH
  vim.env.FBUILD_LSP_PATH = '/nowhere/fbuild-lsp'
  match(health(), 'ERROR /nowhere/fbuild%-lsp is not installed')
  match(health(), 'cargo install')
  vim.env.FBUILD_LSP_PATH = '/bin/cat'
  match(health(), 'ERROR /bin/cat is not fbuild%-lsp')
  vim.env.FBUILD_LSP_PATH = path
end)

test('of two servers that end together each is reported as it ended', function()
  stop_servers()
  said = {}
  local path = vim.env.FBUILD_LSP_PATH
  local go = t.folder .. '/go'
  for code = 3, 4 do
    local script = ('%s/ends-%d'):format(t.folder, code)
    local text = '#!/bin/sh\nuntil [ -e "%s" ]; do sleep 0.01; done\nexit %d\n'
    t.write(script, text:format(go, code))
    assert(vim.uv.fs_chmod(script, tonumber('755', 8)))
    vim.env.FBUILD_LSP_PATH = script
    local config = { name = script, cmd = server.spawn, on_exit = server.on_exit }
    assert(vim.lsp.start(config, { attach = false }))
  end
  vim.env.FBUILD_LSP_PATH = path
  t.write(go, '')
  -- Both have ended when Neovim looks next.
  vim.uv.sleep(500)
  wait_for_words('the server ended (exit code 3)')
  wait_for_words('the server ended (exit code 4)')
end)

test('a server that is not installed is missed in words', function()
  stop_servers()
  said = {}
  local path = vim.env.FBUILD_LSP_PATH
  vim.env.FBUILD_LSP_PATH = '/nowhere/fbuild-lsp'
  vim.cmd.FbuildDeploy()
  wait_for_words('/nowhere/fbuild-lsp is not installed: see :checkhealth fbuild')
  vim.cmd.edit()
  equal(0, #vim.lsp.get_clients())
  vim.env.FBUILD_LSP_PATH = path
end)

test('the help describes every command, and each of its tags is there once', function()
  local doc = t.folder .. '/doc'
  vim.fn.mkdir(doc)
  assert(vim.uv.fs_copyfile(t.repository .. '/editors/nvim/doc/fbuild.txt', doc .. '/fbuild.txt'))
  vim.cmd.helptags(doc)
  local tags = table.concat(vim.fn.readfile(doc .. '/tags'), '\n')
  local ours = t.repository .. '/editors/nvim/doc/tags'
  equal(table.concat(vim.fn.readfile(ours), '\n'), tags)
  for name in pairs(vim.api.nvim_get_commands({})) do
    if vim.startswith(name, 'Fbuild') then
      match(tags, ':' .. name .. '\t')
    end
  end
  for _, tag in ipairs({ 'fbuild', 'FbuildDeployDone', 'fbuild-options', 'fbuild-statusline' }) do
    match('\n' .. tags, '\n' .. vim.pesc(tag) .. '\t')
  end
end)

test('what another Neovim left is told once, whenever it is known, and not after a job', function()
  local function targets(unfinished)
    return { targets = {}, selected = { { next = { unfinished = unfinished } } } }
  end
  local left = { short = 'deploy was interrupted' }
  local one = require('fbuild.state').of(-1)
  equal(nil, one:set_targets(targets()))
  equal(left, one:set_targets(targets(left)))
  equal(nil, one:set_targets(targets(left)))
  local other = require('fbuild.state').of(-2)
  other:set_status({ job = 1, state = 'cancelled' })
  equal(nil, other:set_targets(targets(left)))
end)

t.finish()
