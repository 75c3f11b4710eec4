// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {PracticeToken} from "../../contracts/PracticeToken.sol";
import {Found} from "../../script/Found.s.sol";
import {Base} from "../Base.t.sol";

contract FoundTest is Base {
    PracticeToken private token = new PracticeToken();
    Found private found = new Found();

    function mint(uint256 amount) private view returns (string memory) {
        return string.concat(
            '{"label":"mint ',
            vm.toString(amount),
            '","to":"',
            vm.toString(address(token)),
            '","value":"0x0","data":"',
            vm.toString(abi.encodeCall(PracticeToken.mint, (address(this), amount))),
            '"}'
        );
    }

    function plan(string memory done) private view returns (string memory) {
        return string.concat('{"calls":[', mint(1), ",", mint(20), '],"done":[', done, "]}");
    }

    function test_R2_1_MakesTheCallsOfAPlan() external {
        found.broadcast(plan("false,false"));

        vm.assertEq(token.balanceOf(address(this)), 21, "both calls were made");
    }

    function test_R2_1_LeavesOutWhatIsDone() external {
        found.broadcast(plan("true,false"));

        vm.assertEq(token.balanceOf(address(this)), 20, "the first was done before");
    }

    function test_R2_1_SaysWhichCallWasRefused() external {
        uint256 given = token.MOST_PER_MINT() + 1;
        string memory bad = string.concat('{"calls":[', mint(given), '],"done":[]}');
        bytes memory answer =
            abi.encodeWithSelector(PracticeToken.MintTooLarge.selector, given, token.MOST_PER_MINT());

        vm.expectRevert(
            abi.encodeWithSelector(
                Found.CallRefused.selector, string.concat("mint ", vm.toString(given)), answer
            )
        );
        found.broadcast(bad);
    }
}
