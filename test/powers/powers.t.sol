// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Village} from "../Village.sol";

/// @notice What the code can do at all, whatever it is asked (R2.4). `powers.json` lists each function that changes
/// anything, with who may call it; a new one is added there, where it will be read, or the test fails.
contract PowersTest is Village {
    bytes1 private constant CALLCODE = 0xf2;
    bytes1 private constant DELEGATECALL = 0xf4;
    bytes1 private constant SELFDESTRUCT = 0xff;
    bytes1 private constant PUSH1 = 0x60;
    bytes1 private constant PUSH32 = 0x7f;

    string private powers;
    string[] private names;
    mapping(string name => address) private places;

    function setUp() external {
        found(3, 4);
        powers = vm.readFile("test/powers/powers.json");
        names = vm.parseJsonKeys(powers, "$");
        places["Charter"] = address(charter);
        places["Committee"] = address(committee);
        places["Docket"] = address(docket);
        places["Firewood"] = address(wood);
        places["Ledger"] = address(ledger);
        places["Mandates"] = address(mandates);
        places["Roster"] = address(roster);
    }

    /* OPCODES */

    /// @dev Walks the instructions, so that what is pushed is not taken for one.
    function has(bytes memory code, bytes1 wanted) private pure returns (bool) {
        for (uint256 at; at < code.length; ++at) {
            if (code[at] == wanted) return true;
            if (code[at] >= PUSH1 && code[at] <= PUSH32) at += uint8(code[at]) - uint8(PUSH1) + 1;
        }
        return false;
    }

    function test_R2_4_NoProxyNoUpgradeNoEnd() external view {
        vm.assertEq(names.length, 7, "R2.4: every contract of the law");
        for (uint256 i; i < names.length; ++i) {
            bytes memory code = places[names[i]].code;
            vm.assertGt(code.length, 1000, names[i]);
            vm.assertFalse(has(code, DELEGATECALL), string.concat("R2.4: DELEGATECALL in ", names[i]));
            vm.assertFalse(has(code, CALLCODE), string.concat("R2.4: CALLCODE in ", names[i]));
            vm.assertFalse(has(code, SELFDESTRUCT), string.concat("R2.4: SELFDESTRUCT in ", names[i]));
        }
    }

    function test_R2_4_AnOpcodeIsFoundAndPushedDataIsNone() external pure {
        vm.assertTrue(has(hex"600160025af4", DELEGATECALL), "an instruction after what is pushed");
        vm.assertFalse(has(hex"61f4ff60f2", DELEGATECALL), "what is pushed");
        vm.assertFalse(has(hex"61f4ff60f2", SELFDESTRUCT), "what is pushed");
    }

    /* FUNCTIONS */

    function test_R2_4_NothingChangesButByTheListedFunctions() external view {
        for (uint256 i; i < names.length; ++i) {
            string memory artifact = vm.readFile(string.concat("out/", names[i], ".sol/", names[i], ".json"));
            string memory powersOfIt = string.concat("$.", names[i]);
            uint256 found_;
            for (uint256 j;; ++j) {
                string memory item = string.concat("$.abi[", vm.toString(j), "]");
                if (!vm.keyExistsJson(artifact, item)) break;
                string memory kind = vm.parseJsonString(artifact, string.concat(item, ".type"));
                vm.assertFalse(same(kind, "fallback") || same(kind, "receive"), "R2.4: answers the unknown");
                if (!same(kind, "function")) continue;

                string memory name = vm.parseJsonString(artifact, string.concat(item, ".name"));
                string memory does = vm.parseJsonString(artifact, string.concat(item, ".stateMutability"));
                vm.assertFalse(same(does, "payable"), string.concat("R2.4: takes the chain's coin: ", name));
                if (!same(does, "nonpayable")) continue;
                ++found_;
                string memory power = string.concat(powersOfIt, ".", name);
                vm.assertTrue(vm.keyExistsJson(powers, power), string.concat("R2.4: unlisted: ", power));
            }
            uint256 listed = vm.parseJsonKeys(powers, powersOfIt).length;
            vm.assertEq(found_, listed, string.concat("R2.4: number of powers: ", names[i]));
        }
    }

    function test_R2_4_NoOwnerNoSetterNoPause() external view {
        for (uint256 i; i < names.length; ++i) {
            string[] memory given = vm.parseJsonKeys(powers, string.concat("$.", names[i]));
            for (uint256 j; j < given.length; ++j) {
                vm.assertFalse(
                    starts(given[j], "set") && isUpper(bytes(given[j])[3]),
                    string.concat("R2.4: a setter: ", given[j])
                );
                string[8] memory forbidden =
                    ["wner", "dmin", "pgrade", "roxy", "ause", "igrate", "escue", "mplementation"];
                for (uint256 k; k < forbidden.length; ++k) {
                    vm.assertFalse(
                        contains(given[j], forbidden[k]), string.concat("R2.4: a privilege: ", given[j])
                    );
                }
            }
        }
    }

    /* MONEY */

    function test_R2_4_OnlyTheLedgerMovesTheToken() external view {
        string[3] memory moving = [
            string(abi.encodePacked(IERC20.transfer.selector)),
            string(abi.encodePacked(IERC20.transferFrom.selector)),
            string(abi.encodePacked(IERC20.approve.selector))
        ];
        for (uint256 i; i < names.length; ++i) {
            bool isLedger = places[names[i]] == address(ledger);
            string memory code = string(places[names[i]].code);
            vm.assertEq(contains(code, moving[0]), isLedger, string.concat("R1: transfer in ", names[i]));
            vm.assertEq(contains(code, moving[1]), isLedger, string.concat("R1: transferFrom in ", names[i]));
            vm.assertFalse(contains(code, moving[2]), string.concat("R1: approve in ", names[i]));
        }
    }

    /* TEXT */

    function same(string memory one, string memory other) private pure returns (bool) {
        return keccak256(bytes(one)) == keccak256(bytes(other));
    }

    function starts(string memory text, string memory with) private pure returns (bool) {
        return bytes(text).length > bytes(with).length && matches(bytes(text), 0, bytes(with));
    }

    function contains(string memory text, string memory part) private pure returns (bool) {
        bytes memory all = bytes(text);
        for (uint256 at; at + bytes(part).length <= all.length; ++at) {
            if (matches(all, at, bytes(part))) return true;
        }
        return false;
    }

    function matches(bytes memory text, uint256 at, bytes memory part) private pure returns (bool) {
        for (uint256 i; i < part.length; ++i) {
            if (text[at + i] != part[i]) return false;
        }
        return true;
    }

    function isUpper(bytes1 letter) private pure returns (bool) {
        return letter >= "A" && letter <= "Z";
    }
}
