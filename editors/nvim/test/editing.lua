-- The help while editing: what is wrong, what fixes it, and what is known, where a person meets it.
local t = require('harness')
local fbuild = require('fbuild')

local equal, match, test, wait_for = t.equal, t.match, t.test, t.wait_for

--- The built table, but for a row whose name takes several bytes and UTF-16 units, and whose offset
--- lies in the app. Lines end as they do on Windows.
local wrong = table.concat({
  '# 分区表 😀',
  '# Name,Type,SubType,Offset,Size,Flags',
  'nvs,data,nvs,,0x6000,',
  'phy_init,data,phy,0xf000,0x1000,',
  'factory,app,factory,0x10000,1M,',
  '数据😀,data,spiffs,0x100000,512K,',
  '',
}, '\r\n')

local project = t.project('blink')
local csv = project .. '/partitions.csv'
t.write(
  project .. '/sdkconfig',
  'CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME="partitions.csv"\n'
)
t.write(csv, wrong)
t.build(project, 'Hello from the table!') -- newer than both

---@return vim.lsp.Client
local function attached()
  return wait_for('a server for this buffer', function()
    return vim.lsp.get_clients({ name = 'fbuild_lsp', bufnr = 0 })[1]
  end)
end

---@return string[]
local function lines()
  return vim.api.nvim_buf_get_lines(0, 0, -1, false)
end

---@param path string
---@return string
local function read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

--- What the client shows for a request at the cursor.
---@param method string
---@param params? table
local function ask(method, params)
  local client = attached()
  params = params or vim.lsp.util.make_position_params(0, client.offset_encoding)
  local answer = assert(client:request_sync(method, params, t.patience_ms, 0))
  equal(nil, answer.err)
  return answer.result
end

--- The text of a diagnostic's range, whose ends Neovim keeps as bytes.
---@param diagnostic vim.Diagnostic
---@return string
local function marked(diagnostic)
  equal(diagnostic.lnum, diagnostic.end_lnum)
  return lines()[diagnostic.lnum + 1]:sub(diagnostic.col + 1, diagnostic.end_col)
end

--- Waits until there are as many diagnostics in the buffer, and gives them in the order of their lines.
---@param n integer
---@param least vim.diagnostic.Severity
---@return vim.Diagnostic[]
local function diagnostics(n, least)
  local found ---@type vim.Diagnostic[]
  wait_for(n .. ' diagnostics', function()
    found = vim.diagnostic.get(0, { severity = { min = least } })
    return #found == n
  end)
  return found
end

local severity = vim.diagnostic.severity

test(
  'an overlap is marked on the cell of its offset, behind an emoji, in a file with CRLF',
  function()
    vim.cmd.edit(csv)
    equal('dos', vim.bo.fileformat)
    local overlap = diagnostics(1, severity.ERROR)[1]
    equal('0x100000', marked(overlap))
    equal({ 5, #'数据😀,data,spiffs,' }, { overlap.lnum, overlap.col })
    equal('fbuild', overlap.source)
    match(overlap.message, 'factory')
    -- The other row, for a client that shows it.
    local related = overlap.user_data.lsp.relatedInformation[1]
    equal(4, related.location.range.start.line)
  end
)

test('its quick fix removes it, and the file keeps its bytes elsewhere', function()
  vim.api.nvim_win_set_cursor(0, { 6, #'数据😀,data,spiffs,' })
  local actions = ask('textDocument/codeAction', {
    textDocument = vim.lsp.util.make_text_document_params(0),
    range = ask('textDocument/documentSymbol', {
      textDocument = vim.lsp.util.make_text_document_params(0),
    })[4].range,
    context = { diagnostics = {}, only = { 'quickfix' } },
  })
  local preferred = assert(vim.iter(actions):find(function(action)
    return action.isPreferred
  end))
  vim.lsp.buf.code_action({
    context = {
      only = { 'quickfix' },
      diagnostics = vim.lsp.diagnostic.from(vim.diagnostic.get(0)),
    },
    apply = true,
    filter = function(action)
      return action.title == preferred.title
    end,
  })
  diagnostics(0, severity.ERROR)
  equal('数据😀,data,spiffs,0x110000,512K,', lines()[6])
  vim.cmd.write()
  equal((wrong:gsub('0x100000', '0x110000')), read(csv))
end)

test('what is typed is judged as it is typed', function()
  vim.api.nvim_buf_set_text(0, 3, 0, 3, #'phy_init', { 'nvs' })
  local duplicate = diagnostics(1, severity.ERROR)[1]
  equal({ 3, 'nvs' }, { duplicate.lnum, marked(duplicate) })
  vim.api.nvim_buf_set_text(0, 3, 0, 3, #'nvs', { 'phy_init' })
  diagnostics(0, severity.ERROR)
end)

test('hover tells where the build puts a row, and what was built for it', function()
  vim.api.nvim_win_set_cursor(0, { 3, 0 })
  match(ask('textDocument/hover').contents.value, '\nOffset: `0x9000` %(filled in%)')
  vim.api.nvim_win_set_cursor(0, { 5, 0 })
  match(ask('textDocument/hover').contents.value, '\nBuilt: firmware: [%d.]+ KiB, %d+ %% full')
  -- And a person sees it in a window.
  vim.lsp.buf.hover()
  wait_for('the window', function()
    return vim.iter(vim.api.nvim_list_wins()):find(function(window)
      local text = vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false)
      return vim.api.nvim_win_get_config(window).relative ~= ''
        and table.concat(text, '\n'):find('firmware', 1, true)
    end)
  end)
  vim.cmd('fclose!')
end)

test('inlay hints show the offset that is filled in', function()
  equal({}, vim.lsp.inlay_hint.get({ bufnr = 0 }))
  vim.lsp.inlay_hint.enable(true, { bufnr = 0 })
  local shown = wait_for('hints', function()
    local hints = vim.lsp.inlay_hint.get({ bufnr = 0 })
    return #hints > 0 and hints
  end)
  local first = shown[1].inlay_hint
  equal({ '0x9000', 2, #'nvs,data,nvs,' }, {
    first.label,
    first.position.line,
    first.position.character,
  })
  vim.lsp.inlay_hint.enable(false, { bufnr = 0 })
end)

--- Waits for a code lens with this title, goes to its line, and clicks it.
---@param title string
local function click(title)
  local buffer = vim.api.nvim_get_current_buf()
  local function is_it(lens)
    return lens.command ~= nil and lens.command.title == title
  end
  local lens = wait_for('the lens ' .. title, function()
    vim.lsp.codelens.refresh({ bufnr = buffer })
    vim.wait(100)
    return vim.iter(vim.lsp.codelens.get(buffer)):find(is_it)
  end)
  vim.api.nvim_win_set_cursor(0, { lens.range.start.line + 1, 0 })
  local select = vim.ui.select
  vim.ui.select = function(items, _, choose)
    choose(vim.iter(items):find(function(item)
      return is_it(item.lens)
    end))
  end
  local done ---@type {name: string, data: fbuild.Outcome}?
  vim.api.nvim_create_autocmd('User', {
    pattern = { 'FbuildDeployDone', 'FbuildVerifyDone' },
    once = true,
    callback = function(event)
      done = { name = event.match, data = event.data }
    end,
  })
  vim.lsp.codelens.run()
  wait_for('the outcome', function()
    return done
  end)
  vim.ui.select = select
  return done
end

test(
  'a click on the lens of a row deploys what was built for that row, and nothing else',
  function()
    t.build(project, 'Hello from the table!') -- newer than the saved table
    vim.cmd('FbuildPort sim:board.bin')
    wait_for('the board', function()
      return fbuild.statusline():find('simulated board', 1, true)
    end)
    local done = click('Deploy firmware')
    equal('FbuildDeployDone', done.name)
    match(done.data.message, '^deploy succeeded')
    equal(5, vim.api.nvim_win_get_cursor(0)[1])

    local flash = read(project .. '/board.bin')
    local app = read(project .. '/build/example.bin')
    equal(true, flash:sub(0x10000 + 1, 0x10000 + #app) == app)
    equal(('\255'):rep(0x10000), flash:sub(1, 0x10000))

    equal('FbuildVerifyDone', click('Verify firmware').name)
    match(fbuild.statusline(), '^✓ up to date')
  end
)

test('formatting aligns the columns, and once more changes nothing', function()
  vim.lsp.buf.format()
  equal({
    '# 分区表 😀',
    '# Name,   Type, SubType, Offset,   Size,   Flags',
    'nvs,      data, nvs,     ,         0x6000,',
    'phy_init, data, phy,     0xf000,   0x1000,',
    'factory,  app,  factory, 0x10000,  1M,',
    '数据😀,   data, spiffs,  0x110000, 512K,',
  }, lines())
  local tick = vim.b.changedtick
  vim.lsp.buf.format()
  equal(tick, vim.b.changedtick)
  vim.cmd('edit!')
end)

test(
  'completion in platformio.ini knows the environments, and what is not one is marked',
  function()
    local pio = t.folder .. '/pio'
    t.write(
      pio .. '/platformio.ini',
      '; 中文 😀\n[platformio]\ndefault_envs = relase\n[env:release]\nboard = esp32dev\n[env:debug]\n'
    )
    vim.cmd.edit(pio .. '/platformio.ini')
    local unknown = wait_for('the diagnostic', function()
      return vim.iter(vim.diagnostic.get(0)):find(function(diagnostic)
        return diagnostic.message:find('relase', 1, true)
      end)
    end)
    equal({ 2, 'relase' }, { unknown.lnum, marked(unknown) })

    vim.api.nvim_win_set_cursor(0, { 3, #'default_envs = ' })
    local answer = ask('textDocument/completion')
    local labels = vim.tbl_map(function(item)
      return item.label
    end, answer.items or answer)
    table.sort(labels)
    equal({ 'debug', 'release' }, labels)
  end
)

t.finish()
